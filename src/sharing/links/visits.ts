import { Injectable } from '@nestjs/common';
import type { DownloadAddress, SharedPage, SharedQuery, Visit, VisitRequest } from '#contracts';
import { looksLikeToken, newToken, Passwords, sha256, SignInLimiter } from '../../accounts/index.js';
import { Database } from '../../database/index.js';
import { Ephemeral } from '../../ephemeral/index.js';
import { Below, parsePath, type NodeBelow } from '../../files/index.js';
import { LinkClosed, LinkPasswordWrong } from '../faults.js';
import { linkById, linkByToken, takeDownload, type OpenLink } from './link.store.js';

const VISIT_MS = 3_600_000;
const TICKET_MS = 600_000;

/** What a visit is remembered by. */
interface Remembered {
  readonly account: string;
  readonly link: string;
}

type Ticket = { account: string; link: string; path: string };

export interface Taken extends NodeBelow {
  readonly account: string;
}

/**
 * Somebody who has a link. They open it once, with its password where it has one: that is a visit, an opaque token for an hour, so
 * that a password is hashed once and stands in no address. For each download they get a ticket, which works once and soon ends: so it
 * may stand in an address. Each step looks at the link anew, so that it ends for all at once when it is revoked, expires or is used up.
 * Whatever is wrong with a link is one answer: there is no such thing.
 */
@Injectable()
export class Visits {
  constructor(
    private readonly database: Database,
    private readonly ephemeral: Ephemeral,
    private readonly passwords: Passwords,
    private readonly limiter: SignInLimiter,
    private readonly below: Below,
  ) {}

  async open({ token, password }: VisitRequest, address: string | undefined): Promise<Visit> {
    const link = looksLikeToken(token) ? await linkByToken(this.database, sha256(token)) : undefined;
    if (!link) {
      await this.limiter.noteStranger(address);
      throw new LinkClosed();
    }
    await this.#checkPassword(link, password, address);
    const found = await this.#find(link, '');
    const visit = newToken();
    await this.ephemeral.put(visitKey(visit), { account: link.account, link: link.id }, VISIT_MS);
    return { visit, entry: await this.below.entry(link.account, found, []) };
  }

  async list({ visit, path, limit, cursor }: SharedQuery): Promise<SharedPage> {
    const link = await this.#visited(visit);
    const inner = parsePath(path);
    const found = await this.#find(link, path);
    const entry = await this.below.entry(link.account, found, inner);
    if (found.file) return { entry, items: [] };
    return { entry, ...(await this.below.page(link.account, found.node.id, inner, { cursor, limit })) };
  }

  /** The address of a file, or of a folder as an archive. */
  async ticket(visit: string, path: string): Promise<DownloadAddress> {
    const link = await this.#visited(visit);
    await this.#find(link, path);
    const ticket = newToken();
    await this.ephemeral.put(ticketKey(ticket), { account: link.account, link: link.id, path }, TICKET_MS);
    return { url: `/api/shared/content/${ticket}` };
  }

  /** What lies at a path of the link, to be looked at: that is no download, as a listing is none. */
  async look(visit: string, path: string): Promise<Taken> {
    const link = await this.#visited(visit);
    return { account: link.account, ...(await this.#find(link, path)) };
  }

  /** What a ticket is for, which it stays for: to be told of it is no download. */
  async peek(ticket: string): Promise<Taken> {
    const known = looksLikeToken(ticket) ? await this.ephemeral.get<Ticket>(ticketKey(ticket)) : null;
    const link = known && (await linkById(this.database, known.account, known.link));
    if (!link) throw new LinkClosed();
    return { account: link.account, ...(await this.#find(link, known.path)) };
  }

  /** What a ticket was for; it counts as a download of the link, whatever becomes of it. */
  async take(ticket: string): Promise<Taken> {
    const known = looksLikeToken(ticket) ? await this.ephemeral.take<Ticket>(ticketKey(ticket)) : null;
    if (known === null) throw new LinkClosed();
    const link = await takeDownload(this.database, known.account, known.link);
    if (!link) throw new LinkClosed();
    return { account: link.account, ...(await this.#find(link, known.path)) };
  }

  /** Behind the one limiter, as every password: many guesses at one link are slowed down, wherever they come from. */
  async #checkPassword(link: OpenLink, password: string | undefined, address: string | undefined): Promise<void> {
    const { password_hash: stored } = link;
    if (stored === null) return;
    if (password === undefined) throw new LinkPasswordWrong();
    const attempt = { email: `link:${link.id}`, address };
    const right = await this.limiter.guard(attempt, async () =>
      (await this.passwords.matches(stored, password)) ? true : null,
    );
    if (right === null) throw new LinkPasswordWrong();
  }

  async #visited(visit: string): Promise<OpenLink> {
    const known = looksLikeToken(visit)
      ? await this.ephemeral.get<Remembered & Record<string, string>>(visitKey(visit))
      : null;
    const link = known && (await linkById(this.database, known.account, known.link));
    if (!link) throw new LinkClosed();
    return link;
  }

  #find(link: OpenLink, path: string): Promise<NodeBelow> {
    return this.below.find(link.account, link.node, parsePath(path));
  }
}

/** Hashed, so that what lies in the short-lived state opens nothing. */
function visitKey(visit: string): string {
  return `share:visit:${sha256(visit).toString('base64url')}`;
}

function ticketKey(ticket: string): string {
  return `share:ticket:${sha256(ticket).toString('base64url')}`;
}
