import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import {
  etagOf,
  Locks,
  type Names,
  PreconditionFailed,
  type Preconditions,
  preconditionsOf,
  Tree,
} from '../../files/index.js';
import { type Address, ofThisServer } from './address.js';
import { type Condition, readIf } from './if-header.js';

/** What lies at an address, as the conditions of `If` ask of it. */
interface State {
  readonly tokens: ReadonlySet<string>;
  readonly version: string | null;
}

/**
 * What a request asks by its headers of the file that it is about. `If` is looked at when the request comes, and once more
 * inside the transaction, with the version that is newest then; what it asks of other addresses stays as it was found.
 */
@Injectable()
export class Preconditioned {
  constructor(
    private readonly tree: Tree,
    private readonly locks: Locks,
  ) {}

  /** Throws PreconditionFailed, DavUnreadable. */
  async wanted(account: string, address: Address, request: Request): Promise<Preconditions> {
    const wanted = preconditionsOf(request.headers);
    const header = request.headers['if'];
    const lists = readIf(Array.isArray(header) ? header.join(' ') : header);
    if (lists === null) return wanted;
    const own = await this.#state(account, address.names);
    const states = new Map<string | null, State>([[null, own]]);
    for (const { resource } of lists) {
      if (resource === null || states.has(resource)) continue;
      const { names } = ofThisServer(resource);
      states.set(resource, sameAs(names, address.names) ? own : await this.#state(account, names));
    }
    const holds = (version: string | null): boolean =>
      lists.some(({ resource, conditions }) => {
        const state = states.get(resource) as State;
        const now = state === own ? { ...own, version } : state;
        return conditions.every((condition) => isTrue(condition, now));
      });
    if (!holds(own.version)) throw new PreconditionFailed();
    return { ...wanted, holds };
  }

  async #state(account: string, names: Names): Promise<State> {
    const held = await this.locks.at(account, names);
    return { tokens: new Set(held.map((lock) => lock.token)), version: await this.tree.head(account, names) };
  }
}

const sameAs = (a: Names, b: Names): boolean => a.length === b.length && a.every((name, nth) => name === b[nth]);

function isTrue({ not, token, etag }: Condition, state: State): boolean {
  const found =
    token === undefined ? state.version !== null && etag === etagOf(state.version) : state.tokens.has(token);
  return found !== not;
}
