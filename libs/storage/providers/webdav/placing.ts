import { createHash } from 'node:crypto';
import { newBlobName } from '../../blob-name.js';
import { BlobMismatch, ConnectionAway } from '../../errors.js';
import type { BlobBody, BlobName, PutProof } from '../../provider.js';
import { requireSame } from './compare.js';
import type { DavClient } from './dav-client.js';
import type { Folders } from './folders.js';
import type { Layout } from './layout.js';
import type { Server } from './server.js';
import { faultOf } from './status-faults.js';

/** Done; or the name was taken, or what it counted on (a folder, the upload) is gone. Some servers call the last “forbidden”. */
type Placed = PutProof | 'taken' | 'displaced' | 'forbidden';

interface Temporary {
  readonly path: string;
  /** Set when what lay there has got its name. */
  moved: boolean;
}

const nothing: BlobBody = { length: 0, pieces: () => [] };
const onlyNew = { 'If-None-Match': '*' };

/**
 * Gives a new blob its name, whole or not at all.
 *
 * Relatives of Nextcloud gather an upload aside by themselves, so it goes straight to its name, on condition that
 * nothing lies there, and they say the hash of what they received. Any other server may show what it has so far: the
 * upload goes to a name of its own, is moved when it is whole, on condition that nothing lies there, and is looked at.
 *
 * A condition that a server does not understand it ignores. So it is tried once on two empty files, and where it is
 * ignored, a look comes first: two gateways could then pass each other, but names are random, and only a retry has
 * the name of another put.
 */
export class Placing {
  /** Whether anything was ever written aside. */
  begun = false;
  private honoured: Promise<boolean> | null = null;
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly dav: DavClient,
    private readonly server: Server,
    private readonly layout: Layout,
    private readonly folders: Folders,
  ) {}

  async put(name: BlobName, body: BlobBody, signal?: AbortSignal): Promise<PutProof> {
    const shelf = this.layout.shelfOf(name);
    for (let attempt = 0; ; attempt += 1) {
      const placed = await this.inTurn(name, async () => {
        await this.folders.ensure(shelf);
        return this.place(name, body, signal);
      }).catch((error: unknown) => {
        this.distrust(shelf);
        throw error;
      });
      if (placed === 'taken') return this.requireSame(name, body, signal);
      if (typeof placed !== 'string') return placed;
      this.distrust(shelf);
      if (attempt > 0 && placed === 'forbidden') throw faultOf(403, () => null);
      if (attempt > 0) throw new ConnectionAway('The folder of this connection is not there.');
    }
  }

  /** A server that loses writes may have lost these folders, too. */
  private distrust(shelf: string): void {
    this.folders.forget(shelf, this.layout.staging, this.layout.stage);
  }

  /** Runs `work` with a fresh place to write at; nothing stays there. */
  async staging<Result>(work: (temporary: Temporary) => Promise<Result>): Promise<Result> {
    this.begun = true;
    await this.folders.ensure(this.layout.staging, this.layout.stage);
    const temporary = { path: this.layout.stage + newBlobName(), moved: false };
    try {
      return await work(temporary);
    } finally {
      if (!temporary.moved) await this.takeBack(temporary.path);
    }
  }

  private async place(name: BlobName, body: BlobBody, signal?: AbortSignal): Promise<Placed> {
    signal?.throwIfAborted();
    const path = this.layout.blob(name);
    this.honoured ??= this.tryCondition();
    const honoured = await this.honoured.catch((error: unknown) => {
      this.honoured = null;
      throw error;
    });
    if (!honoured && (await this.dav.properties(path, 0, signal))) return 'taken';
    return this.server.family === 'nextcloud' ? this.direct(path, body, signal) : this.aside(path, body, signal);
  }

  private async direct(path: string, body: BlobBody, signal?: AbortSignal): Promise<Placed> {
    const hash = createHash('sha256');
    const hashed = {
      length: body.length,
      async *pieces() {
        for await (const piece of body.pieces()) {
          hash.update(piece);
          yield piece;
        }
      },
    };
    const answer = await this.dav.put(path, hashed, { ...onlyNew, 'X-Hash': 'sha256' }, signal);
    if (answer.status === 412) return 'taken';
    if (answer.status >= 400) return 'displaced';
    const told = answer.header('x-hash-sha256')?.toLowerCase();
    if (told === undefined) return this.look(path, body.length, signal);
    const own = hash.digest('hex');
    if (told === own) return { kind: 'checksum', checksum: `sha256:${own}` };
    await this.takeBack(path);
    throw new ConnectionAway('The server received other bytes than were sent.');
  }

  private async aside(path: string, body: BlobBody, signal?: AbortSignal): Promise<Placed> {
    return this.staging(async (temporary) => {
      const { status } = await this.dav.put(temporary.path, body, {}, signal);
      if (status >= 400) return 'displaced';
      const moved = await this.dav.move(temporary.path, path, false, signal);
      if (moved === 412) return 'taken';
      if (moved === 403) return 'forbidden';
      if (moved >= 400) return 'displaced';
      const proof = await this.look(path, body.length, signal);
      temporary.moved = true;
      return proof;
    });
  }

  /** The proof that a server without hashes gives: the blob is found, and is as long as it should be. */
  private async look(path: string, length: number, signal?: AbortSignal): Promise<PutProof> {
    const found = (await this.dav.properties(path, 0, signal))?.[0];
    if (found?.length === length) return { kind: 'looked', checksum: null };
    if (found) await this.takeBack(path);
    throw new ConnectionAway('The server did not keep what it had taken.');
  }

  /** As far as the server allows it: what stays aside is swept one day, what stays under a name is found to be another. */
  private async takeBack(path: string): Promise<void> {
    await this.dav.delete(path).catch(() => undefined);
  }

  /** The very put that lost its answer has done its work, or the name belongs to other bytes. */
  private async requireSame(name: BlobName, body: BlobBody, signal?: AbortSignal): Promise<PutProof> {
    const path = this.layout.blob(name);
    const found = (await this.dav.properties(path, 0, signal))?.[0];
    if (!found) throw new ConnectionAway('The server did not keep what it had taken.');
    if (found.folder || found.length !== body.length) throw new BlobMismatch();
    if (body.length > 0) {
      const answer = await this.dav.get(path, {}, signal);
      if (answer.status !== 200) {
        await answer.discard();
        throw new ConnectionAway();
      }
      await requireSame(answer.pieces(), body);
    }
    return { kind: 'looked', checksum: null };
  }

  private async tryCondition(): Promise<boolean> {
    return this.staging((one) =>
      this.staging(async (other) => {
        const first = await this.dav.put(one.path, nothing, {});
        const second = await this.dav.put(other.path, nothing, {});
        if (first.status >= 400 || second.status >= 400) throw new ConnectionAway();
        const direct = this.server.family === 'nextcloud';
        const again = direct
          ? (await this.dav.put(one.path, nothing, onlyNew)).status
          : await this.dav.move(one.path, other.path, false);
        if (again >= 400 && again !== 412) throw new ConnectionAway();
        return again === 412;
      }),
    );
  }

  /** One at a time for each name: most servers look and write in two steps. */
  private async inTurn<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const mine = (this.turns.get(name) ?? Promise.resolve()).then(work, work);
    this.turns.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.turns.get(name) === mine) this.turns.delete(name);
    }
  }
}
