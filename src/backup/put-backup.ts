import { createHash, randomUUIDv7 } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { BACKUP_HEADER_LENGTH, backupHeadName, type RootKeys, sealBackupHead } from '#crypto';
import { ShardDigest } from '#dispersal';
import { type BlobBody, BlobMismatch, type BlobName, ConnectionFull, type StorageProvider } from '#storage';
import { AuditRecord } from '../audit/index.js';
import { ConnectionPool, SpaceLedger } from '../connections/index.js';
import { Database } from '../database/index.js';
import type { JobRun } from '../jobs/index.js';
import { RootKeyring } from '../keys/index.js';
import {
  addPieces,
  type BackupToCopy,
  beginCopy,
  type BegunCopy,
  begunCopy,
  condemnCopies,
  endCopy,
  type NewPiece,
  notePut,
  type PieceRow,
  piecesOf,
} from './copies.store.js';
import { CopyGivenUp, PieceNotKept } from './errors.js';
import { cutFile, UNIT, writeHead } from './head.js';
import { headerOf } from './read-backup.js';

/** In hand at once. */
const STEP = 256 * 1024;
const HEAD = 0;

interface Put {
  readonly job: JobRun;
  readonly connection: string;
  readonly provider: StorageProvider;
  readonly copy: string;
}

/**
 * Puts a backup's file on a connection as blobs. Each blob has its row before it has bytes, is read back before it counts,
 * and counts from then on: an attempt goes on where the one before it stopped. The head is put last, under a new name each
 * time, so that where one is found, all that it lists was there.
 */
@Injectable()
export class PutBackup {
  /** For tests. */
  unit = UNIT;

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly space: SpaceLedger,
    private readonly roots: RootKeyring,
    private readonly audit: AuditRecord,
  ) {}

  async run(job: JobRun, connection: string, backup: BackupToCopy): Promise<void> {
    const { epoch } = await headerOf(backup.file);
    const root = this.roots.epoch(epoch);
    const provider = await this.pool.provider(connection, 'short');
    const { id: copy } = await this.begin(job, connection, provider, backup);
    const put = { job, connection, provider, copy };
    const rows = (await piecesOf(this.database, copy)).filter(({ part }) => part !== HEAD);
    let done = 0;
    for (const row of rows) {
      await job.progress({ done, total: backup.bytes, note: 'Bytes of the newest backup.' });
      if (!row.live) await this.piece(put, row, backup);
      done += row.length;
    }
    await this.head(put, root, backup);
    await this.database.tx(async (sql) => {
      await job.hold(sql);
      if (!(await endCopy(sql, copy))) throw new CopyGivenUp();
      const details = { backup: backup.id, bytes: backup.bytes, pieces: rows.length };
      await this.audit.append(sql, { action: 'backup.copied', subject: connection, details });
    });
  }

  /** What was begun of the same backup goes on; of another one it goes. */
  private async begin(
    job: JobRun,
    connection: string,
    provider: StorageProvider,
    backup: BackupToCopy,
  ): Promise<BegunCopy> {
    const begun = await begunCopy(this.database, connection);
    if (begun?.backup === backup.id) return begun;
    const copy = { id: randomUUIDv7(), backup: backup.id, connection };
    const pieces: NewPiece[] = [];
    for (const { length } of cutFile(backup.bytes, this.unit))
      pieces.push(await newPiece(provider, pieces.length + 1, length));
    await this.database.tx(async (sql) => {
      await job.hold(sql);
      const left = await begunCopy(sql, connection);
      if (left) await condemnCopies(sql, [left.id]);
      await beginCopy(sql, copy);
      await addPieces(sql, { copy: copy.id, connection }, pieces);
    });
    return copy;
  }

  private async piece(put: Put, row: PieceRow, backup: BackupToCopy): Promise<void> {
    const { offset, length } = cutFile(backup.bytes, this.unit)[row.part - 1]!;
    const body: BlobBody = {
      length,
      pieces: () => createReadStream(backup.file, { start: offset, end: offset + length - 1, highWaterMark: STEP }),
    };
    await this.store(put, row, body);
  }

  private async head(put: Put, root: RootKeys, { id, file, bytes, made_at }: BackupToCopy): Promise<void> {
    const rows = (await piecesOf(this.database, put.copy)).filter(({ part }) => part !== HEAD);
    const pieces = rows.map(({ name, length, digest }) => ({ name, bytes: length, digest: digest!.toString('hex') }));
    const start = (await startOf(file)).toString('base64');
    const sealed = sealBackupHead(root, writeHead({ id, madeAt: made_at.toISOString(), bytes, start, pieces }));
    const fresh = await newPiece(put.provider, HEAD, sealed.length);
    const named = { ...fresh, name: backupHeadName(root, fresh.name) ?? fresh.name };
    await this.add(put, named);
    await this.store(put, named, { length: sealed.length, pieces: () => [sealed] });
  }

  private async add({ job, copy, connection }: Put, piece: NewPiece): Promise<void> {
    await this.database.tx(async (sql) => {
      await job.hold(sql);
      await addPieces(sql, { copy, connection }, [piece]);
    });
  }

  /** Throws PieceNotKept where other bytes came back: the next attempt puts it under another name. */
  private async store(put: Put, row: NewPiece, body: BlobBody): Promise<void> {
    const { job, provider, copy } = put;
    const { part, blob, name, length } = row;
    const sent = await digestsOf(body.pieces());
    const checksum = await this.send(put, row, body);
    const read = provider.get(name as BlobName, { offset: 0, length }, { pieceLength: STEP, signal: job.signal });
    const { digest, proof } = await digestsOf(read);
    if (!digest.equals(sent.digest)) {
      await this.add(put, await newPiece(provider, part, length));
      throw new PieceNotKept();
    }
    await this.database.tx(async (sql) => {
      await job.hold(sql);
      if (!(await notePut(sql, { copy, part, blob, checksum, digest, proof }))) throw new CopyGivenUp();
    });
  }

  private async send({ job, connection, provider, copy }: Put, row: NewPiece, body: BlobBody): Promise<string | null> {
    const room = await this.space.reserve(connection, row.length, 'short');
    if (!room) throw new ConnectionFull();
    let stored = false;
    try {
      const { checksum } = await provider.put(row.name as BlobName, body, { signal: job.signal });
      stored = true;
      return checksum;
    } catch (error) {
      if (error instanceof ConnectionFull) this.space.forget(connection);
      if (error instanceof BlobMismatch) {
        await this.add({ job, connection, provider, copy }, await newPiece(provider, row.part, row.length));
      }
      throw error;
    } finally {
      room.done(stored);
    }
  }
}

async function newPiece(provider: StorageProvider, part: number, length: number): Promise<NewPiece> {
  return { part, blob: randomUUIDv7(), name: await provider.nameBlob(), length };
}

async function startOf(file: string): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    return (await handle.read(Buffer.alloc(BACKUP_HEADER_LENGTH), 0, BACKUP_HEADER_LENGTH, 0)).buffer;
  } finally {
    await handle.close();
  }
}

/** SHA-256, which a head lists, and BLAKE3, which scrub compares. */
async function digestsOf(pieces: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<{ digest: Buffer; proof: Buffer }> {
  const [sha256, blake3] = [createHash('sha256'), new ShardDigest()];
  for await (const piece of pieces) {
    sha256.update(piece);
    blake3.update(piece);
  }
  return { digest: sha256.digest(), proof: blake3.digest() };
}
