import { AccessRefused, ConnectionAway } from '../../errors.js';
import type { DriveApi, DriveFile } from './drive-api.js';

/** Ids that were handed out by Google when the connection was made: whoever opens it means the same files. */
export interface HomeIds {
  readonly folder: string;
  readonly marker: string;
  /** The visible folder above ours, shared by all connections of this account. */
  readonly top: string;
}

export const topName = 'Tessera';
/** Set on our folder when we leave it: somebody else's trash is no farewell of ours. */
const leftProperty = 'left';

/**
 * Our folder. It is found by an id that was decided before it was made, never by a name and never by a list. So two
 * gateways cannot make two of them (the second create is refused, and finds the first), and «there is no folder» is
 * said only by a look at that id, which is never behind.
 *
 * Leaving it puts it into the trash: deleting would take what its owner has put there along, and of that we see
 * nothing. A folder in the trash that we did not leave is away, not gone: its owner can take it out again.
 */
export class Home {
  constructor(
    private readonly api: DriveApi,
    private readonly ids: HomeIds,
    private readonly name: string,
  ) {}

  get folder(): string {
    return this.ids.folder;
  }

  get marker(): string {
    return this.ids.marker;
  }

  /** A fresh look. Throws ConnectionAway when it lies in the trash. */
  async isThere(signal?: AbortSignal): Promise<boolean> {
    const found = await this.api.look(this.ids.folder, signal);
    if (!found || hasLeft(found)) return false;
    if (found.trashed === true) throw trashed();
    return true;
  }

  async require(signal?: AbortSignal): Promise<void> {
    if (!(await this.isThere(signal))) throw new ConnectionAway('The folder of this connection is not there.');
  }

  async ensure(signal?: AbortSignal): Promise<void> {
    const found = (await this.api.look(this.ids.folder, signal)) ?? (await this.make(signal));
    const back = hasLeft(found) ? await this.comeBack(signal) : found;
    if (back.trashed === true) throw trashed();
  }

  async leave(signal?: AbortSignal): Promise<void> {
    await this.api.change(this.ids.folder, { trashed: true, appProperties: { [leftProperty]: '1' } }, signal);
  }

  private comeBack(signal?: AbortSignal): Promise<DriveFile> {
    // A property that is null goes; the SDK's types do not know that.
    const appProperties = { [leftProperty]: null } as unknown as Record<string, string>;
    return this.api.change(this.ids.folder, { trashed: false, appProperties }, signal);
  }

  private async make(signal?: AbortSignal): Promise<DriveFile> {
    const parent = await this.top(signal);
    const folder = { id: this.ids.folder, name: this.name, ...(parent !== null && { parent }) };
    const made = await this.api.makeFolder(folder, signal);
    // Another gateway was quicker; or it is there, and no longer shown to us.
    const found = made ?? (await this.api.look(this.ids.folder, signal));
    if (!found)
      throw new AccessRefused('Google no longer shows us the folder that we had made. Connect the account anew.');
    return found;
  }

  /** Null, and ours is made at the top of the Drive, where somebody has thrown the visible folder away. */
  private async top(signal?: AbortSignal): Promise<string | null> {
    const found =
      (await this.api.look(this.ids.top, signal)) ??
      (await this.api.makeFolder({ id: this.ids.top, name: topName }, signal)) ??
      (await this.api.look(this.ids.top, signal));
    return found && found.trashed !== true ? this.ids.top : null;
  }
}

function hasLeft({ appProperties }: DriveFile): boolean {
  return appProperties?.[leftProperty] !== undefined;
}

function trashed(): ConnectionAway {
  return new ConnectionAway(
    'The folder of this connection lies in the trash of this Google Drive. Take it out again there, before Google empties the trash.',
  );
}
