import { randomUUIDv7 } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Link, LinkList, LinkRequest, NewLink } from '#contracts';
import { newToken, Passwords, sha256 } from '../../accounts/index.js';
import { AuditRecord } from '../../audit/index.js';
import { Config } from '../../config/index.js';
import { Database } from '../../database/index.js';
import { formatPath, parsePath, presentPlaces, Tree } from '../../files/index.js';
import { LinkDateUnfit, LinkMissing, TooManyLinks } from '../faults.js';
import { countLinks, insertLink, linksOf, revokeLink, type LinkRow } from './link.store.js';

const MOST_LINKS = 1000;

/** An account's own view of the links that it gave out. The token is shown once, and stands in the fragment of the address. */
@Injectable()
export class Links {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly tree: Tree,
    private readonly passwords: Passwords,
    private readonly record: AuditRecord,
  ) {}

  async make(account: string, wanted: LinkRequest): Promise<NewLink> {
    const node = await this.tree.nodeAt(this.database, account, parsePath(wanted.path));
    if ((await countLinks(this.database, account)) >= MOST_LINKS) throw new TooManyLinks(MOST_LINKS);
    const passwordHash = wanted.password === undefined ? null : await this.passwords.hash(wanted.password);
    const token = newToken();
    const link = {
      id: randomUUIDv7(),
      node: node.id,
      tokenHash: sha256(token),
      passwordHash,
      expiresAt: wanted.expiresAt ?? null,
      mostDownloads: wanted.mostDownloads ?? null,
    };
    const row = await this.database.tx(async (sql) => {
      const details = { node: node.id, guarded: passwordHash !== null, until: link.expiresAt };
      await this.record.append(sql, { actor: account, account, action: 'link.made', subject: link.id, details });
      const made = await insertLink(sql, account, link);
      if (!made.open) throw new LinkDateUnfit();
      return made;
    });
    const [shown] = await this.#shown(account, [row]);
    return { ...(shown as Link), token, url: `${this.config.publicUrl}/s#${token}` };
  }

  async list(account: string): Promise<LinkList> {
    return { items: await this.#shown(account, await linksOf(this.database, account, MOST_LINKS)) };
  }

  /** From now on it gives nothing any more, nor to those who have opened it; downloads that are under way end. */
  async revoke(account: string, id: string): Promise<void> {
    await this.database.tx(async (sql) => {
      if (!(await revokeLink(sql, account, id))) throw new LinkMissing();
      await this.record.append(sql, { actor: account, account, action: 'link.revoked', subject: id });
    });
  }

  async #shown(account: string, rows: readonly LinkRow[]): Promise<Link[]> {
    const nodes = rows.map(({ node }) => node);
    const places = new Map((await presentPlaces(this.database, account, nodes)).map((place) => [place.node, place]));
    return rows.map((row) => {
      const place = places.get(row.node);
      return {
        id: row.id,
        path: place && !place.trashed ? formatPath(place.names) : null,
        hasPassword: row.has_password,
        expiresAt: row.expires_at?.toISOString() ?? null,
        mostDownloads: row.most_downloads,
        downloads: row.downloads,
        lastDownloadAt: row.last_download_at?.toISOString() ?? null,
        createdAt: row.created_at.toISOString(),
        open: row.open,
      };
    });
  }
}
