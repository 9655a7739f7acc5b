import { drive_v3 } from 'googleapis/build/src/apis/drive/v3.js';
import { z } from 'zod';
import { ConnectionAway } from '../../errors.js';
import { units } from './traits.js';
import type { GatedRequest } from '../../request-gate.js';
import type { Wire, WireAnswer } from './wire.js';

export const folderType = 'application/vnd.google-apps.folder';
/** What a file is asked for wherever it is looked at. */
const fileFields = 'id,name,mimeType,size,md5Checksum,trashed,appProperties,parents';

const number = z.string().regex(/^\d{1,18}$/);
const fileShape = z.object({
  id: z.string().max(256),
  name: z.string().max(4096).optional(),
  mimeType: z.string().max(256).optional(),
  size: number.optional(),
  md5Checksum: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  trashed: z.boolean().optional(),
  appProperties: z.record(z.string(), z.string()).optional(),
  parents: z.array(z.string().max(256)).max(10).optional(),
});
const listShape = z.object({
  nextPageToken: z.string().max(4096).optional(),
  incompleteSearch: z.boolean().optional(),
  files: z.array(fileShape).max(1000),
});
const idsShape = z.object({ ids: z.array(z.string().max(256)).max(1000) });
const aboutShape = z.object({
  user: z
    .object({ permissionId: z.string().min(1).max(256), emailAddress: z.string().max(1024).optional() })
    .optional(),
  storageQuota: z.object({ limit: number.optional(), usage: number.optional() }).optional(),
});

export type DriveFile = z.infer<typeof fileShape>;
export type About = z.infer<typeof aboutShape>;

export interface FilePage {
  readonly files: readonly DriveFile[];
  readonly next?: string;
}

export interface Search {
  /** In Drive's search language. */
  readonly query: string;
  readonly pageToken?: string;
  readonly pageSize?: number;
}

export interface NewFolder {
  readonly id: string;
  readonly name: string;
  /** The top of the Drive without it. */
  readonly parent?: string;
}

/** What the SDK calls the options of a method. */
type Options = NonNullable<ConstructorParameters<typeof drive_v3.Drive>[0]>;

/**
 * The calls of Drive that are about names and not about bytes. The SDK makes the requests and the wire sends them: the
 * SDK sees no token and no answer, and its retries, proxies and logs have nothing to do.
 */
export class DriveApi {
  private readonly drive = new drive_v3.Drive({});

  constructor(private readonly wire: Wire) {}

  async about(fields: string, signal?: AbortSignal): Promise<About> {
    const answer = await this.call(look, (options) => this.drive.about.get({ fields }, options), signal);
    return read(answer, aboutShape);
  }

  async generateIds(count: number, signal?: AbortSignal): Promise<string[]> {
    const asked = { count, space: 'drive', type: 'files' };
    const answer = await this.call(ids, (options) => this.drive.files.generateIds(asked, options), signal);
    return read(answer, idsShape).ids;
  }

  /** Null: it is not there, or not for us to see. By its id a file is found at once, whatever lists say. */
  async look(fileId: string, signal?: AbortSignal): Promise<DriveFile | null> {
    const get = (options: Options) => this.drive.files.get({ fileId, fields: fileFields }, options);
    const answer = await this.call(look, get, signal, [404]);
    return answer.status === 404 ? null : read(answer, fileShape);
  }

  /** Null: a folder that the query names is not there. Lists lag behind: absence from one proves nothing. */
  async search({ query, pageToken, pageSize = 1000 }: Search, signal?: AbortSignal): Promise<FilePage | null> {
    const fields = `nextPageToken,incompleteSearch,files(${fileFields})`;
    const asked = { q: query, pageSize, fields, spaces: 'drive', ...(pageToken !== undefined && { pageToken }) };
    const understood = pageToken === undefined ? [404] : [400, 404];
    const answer = await this.call(list, (options) => this.drive.files.list(asked, options), signal, understood);
    if (answer.status === 400) throw new ConnectionAway('The listing took too long. It has to be begun anew.');
    if (answer.status === 404) return null;
    const { files, nextPageToken, incompleteSearch } = read(answer, listShape);
    if (incompleteSearch === true) throw new ConnectionAway('Google Drive could not list everything.');
    return { files, ...(nextPageToken !== undefined && { next: nextPageToken }) };
  }

  /** Null: there is something with this id already. Throws NotFound where the parent is not there. */
  async makeFolder({ id, name, parent }: NewFolder, signal?: AbortSignal): Promise<DriveFile | null> {
    const requestBody = { id, name, mimeType: folderType, ...(parent !== undefined && { parents: [parent] }) };
    const create = (options: Options) => this.drive.files.create({ requestBody, fields: fileFields }, options);
    const answer = await this.call(change, create, signal, [409]);
    return answer.status === 409 ? null : read(answer, fileShape);
  }

  /** Throws NotFound. */
  async change(fileId: string, requestBody: drive_v3.Schema$File, signal?: AbortSignal): Promise<DriveFile> {
    const update = (options: Options) => this.drive.files.update({ fileId, requestBody, fields: fileFields }, options);
    return read(await this.call(change, update, signal), fileShape);
  }

  /** Out of the folder that it lies in, and out of the trash. Throws NotFound. */
  async move({ id: fileId, parents = [] }: DriveFile, parent: string, signal?: AbortSignal): Promise<DriveFile> {
    const from = { ...(parents.length > 0 && { removeParents: parents.join(',') }), addParents: parent };
    const asked = { fileId, ...from, requestBody: { trashed: false }, fields: fileFields };
    return read(await this.call(change, (options) => this.drive.files.update(asked, options), signal), fileShape);
  }

  /** For good, past the trash. False: there was nothing. */
  async delete(fileId: string, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.call(change, (options) => this.drive.files.delete({ fileId }, options), signal, [404]);
    if (answer.status !== 404 && answer.body.length > 0) throw notDrive();
    return answer.status !== 404;
  }

  private async call(
    gated: GatedRequest,
    ask: (options: Options) => Promise<unknown>,
    signal?: AbortSignal,
    understood: readonly number[] = [],
  ): Promise<WireAnswer> {
    let answer: WireAnswer | undefined;
    let failure: unknown;
    const adapter: Options['adapter'] = async (prepared) => {
      const { method = 'GET', body } = prepared;
      const bytes = typeof body === 'string' ? Buffer.from(body) : undefined;
      try {
        answer = await this.wire.ask({
          method,
          url: new URL(prepared.url),
          gated,
          understood,
          ...(signal && { signal }),
          ...(bytes && {
            headers: { 'Content-Type': 'application/json; charset=UTF-8' },
            body: { length: bytes.length, pieces: () => [bytes] },
          }),
        });
      } catch (error) {
        failure = error;
        throw new Error('The request failed.');
      }
      // Whatever was answered: the SDK has done its part.
      return Object.assign(new Response(null, { status: 204 }), { config: prepared, data: undefined as never });
    };
    try {
      // The root is given with each call: with the constructor's alone, some calls would go to the real host.
      await ask({ rootUrl: `${this.wire.root}/`, universeDomain: 'googleapis.com', retry: false, adapter });
    } catch (error) {
      throw failure ?? error;
    }
    return answer!;
  }
}

const look: GatedRequest = { kind: 'look', units: units.look };
const list: GatedRequest = { kind: 'look', units: units.list };
const ids: GatedRequest = { kind: 'look', units: units.ids };
const change: GatedRequest = { kind: 'change', units: units.change };

export function readFile(answer: WireAnswer): DriveFile {
  return read(answer, fileShape);
}

function read<Shape extends z.ZodType>({ body }: WireAnswer, shape: Shape): z.infer<Shape> {
  try {
    return shape.parse(JSON.parse(body.toString()));
  } catch {
    throw notDrive();
  }
}

function notDrive(): ConnectionAway {
  return new ConnectionAway('What answers there is not Google Drive.');
}
