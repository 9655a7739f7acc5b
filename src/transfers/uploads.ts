import { randomUUIDv7 } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Config } from '../config/index.js';
import { abandonDraft, Drafts, isLost } from '../contents/index.js';
import { Database } from '../database/index.js';
import { Tree, type Names } from '../files/index.js';
import { TooManyUploads, UploadUnknown } from './errors.js';
import { RoomForUpload } from './room-for-upload.js';
import { addUpload, removeUpload, unfinished, uploadById, type UploadRow } from './uploads.store.js';

export interface UploadRequest {
  readonly account: string;
  readonly names: Names;
  readonly contentType: string;
  readonly metadata: string;
  readonly modifiedAt: Date | null;
  /** Null until the client knows. */
  readonly length: number | null;
}

const MOST_UNFINISHED = 1_000;

/**
 * Uploads that may stop and go on: begun, looked at, given up. Their draft is kept by a lease that each stored chunk renews;
 * when that ends, upkeep gives the draft up like any other.
 */
@Injectable()
export class Uploads {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly tree: Tree,
    private readonly room: RoomForUpload,
    private readonly drafts: Drafts,
  ) {}

  /** Refuses early what a PUT would refuse; the publishing transaction decides, whenever that comes. */
  async begin(request: UploadRequest, tokens: readonly string[]): Promise<UploadRow> {
    const { account, length } = request;
    await this.tree.checkTarget(account, request.names, { tokens });
    const open = await unfinished(this.database, account);
    if (open.uploads >= MOST_UNFINISHED) throw new TooManyUploads();
    // What other uploads have stored will be content one day: it counts now.
    const { spread, reservation } = await this.room.reserve(account, length ?? undefined, open.bytes);
    reservation.release();
    const id = randomUUIDv7();
    const leaseSeconds = this.lastsSeconds;
    const openDraft = await this.drafts.leased(account, { id, spread, leaseSeconds });
    return this.database.tx(async (sql) => {
      await openDraft(sql);
      return addUpload(sql, { ...request, id }, leaseSeconds);
    });
  }

  async find(account: string, id: string): Promise<UploadRow> {
    const upload = await uploadById(this.database, account, id);
    if (!upload) throw new UploadUnknown();
    return upload;
  }

  /** Ends it for good, finished ones from sight only. */
  async giveUp(account: string, id: string): Promise<void> {
    await this.find(account, id);
    await this.database.tx(async (sql) => {
      await abandonDraft(sql, { account, id });
      await removeUpload(sql, account, id);
    });
  }

  /** Ends an upload that cannot be published any more, unless it can, or was. */
  giveUpIfLost({ account, id, chunks }: UploadRow, changed = false): Promise<boolean> {
    return this.database.tx(async (sql) => {
      if (!changed && !(await isLost(sql, { account, id }, chunks))) return false;
      return (await abandonDraft(sql, { account, id })) && removeUpload(sql, account, id);
    });
  }

  get lastsSeconds(): number {
    return this.config.uploadHours * 3600;
  }
}
