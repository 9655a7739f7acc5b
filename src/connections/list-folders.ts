import { Injectable } from '@nestjs/common';
import { type FolderPage, listsFolders, type ListsFolders } from '#storage';
import { Database } from '../database/index.js';
import { Connect, type ConnectRequest, type Connector } from './connect.js';
import { ConnectionPool } from './connection-pool.js';
import { connectionsOpenTo, type ConnectionRow } from './connections.store.js';
import { TryLimit } from './try-limit.js';
import { ConnectionUnknown, FoldersUnseen, WhichConnection } from './errors.js';

const FRESH_MS = 60_000;
const REMEMBERED = 500;

interface Asked {
  readonly account: string;
  readonly provider: string;
  readonly folder: string;
  readonly cursor?: string | undefined;
  /** Needed where the account has several of the provider. */
  readonly connection?: string | undefined;
}

/**
 * The folders that a connected account has over there, so that somebody can choose where ours goes. Pages are remembered
 * for a minute in this gateway, behind the question whose connection it is, which is asked every time.
 */
@Injectable()
export class ListFolders {
  private readonly remembered = new Map<string, { readonly page: FolderPage; readonly until: number }>();

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly connect: Connect,
    private readonly limit: TryLimit,
  ) {}

  async run(asked: Asked): Promise<FolderPage> {
    const { id } = await this.find(asked);
    const key = JSON.stringify([id, asked.folder, asked.cursor]);
    const known = this.remembered.get(key);
    if (known && known.until > performance.now()) return known.page;
    const page = await this.page(await this.pool.folders(id), asked.folder, asked.cursor);
    this.remembered.delete(key);
    this.remembered.set(key, { page, until: performance.now() + FRESH_MS });
    if (this.remembered.size > REMEMBERED) this.remembered.delete(this.remembered.keys().next().value!);
    return page;
  }

  /** The same for a place that is not connected yet: what was typed opens it for this once. */
  async before(by: Connector, request: ConnectRequest, folder: string, cursor?: string): Promise<FolderPage> {
    await this.limit.count(by.account);
    const provider = await this.connect.openUnsaved(by, request);
    try {
      return await this.page(listsFolders(provider) ? provider : undefined, folder, cursor);
    } finally {
      await provider.close();
    }
  }

  private page(lister: ListsFolders | undefined, folder: string, cursor?: string): Promise<FolderPage> {
    if (!lister) throw new FoldersUnseen();
    return lister.folders(folder, cursor);
  }

  private async find({ account, provider, connection }: Asked): Promise<ConnectionRow> {
    const open = await connectionsOpenTo(this.database, account);
    // The house's own places are not for everybody to look around in.
    const own = open.filter((row) => row.account === account && row.provider === provider);
    const found = connection === undefined ? own : own.filter(({ id }) => id === connection);
    if (found.length > 1) throw new WhichConnection();
    if (!found[0]) throw new ConnectionUnknown();
    return found[0];
  }
}
