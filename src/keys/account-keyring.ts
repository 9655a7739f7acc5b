import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { deriveAccountKeys, deriveContentKeys, SecretKey, unwrapKey, wrapKey, type WrapContext } from '#crypto';

import { Database, type Sql } from '../database/index.js';
import { KeyDestroyed } from './errors.js';
import {
  accountKeyById,
  accountKeyIds,
  addAccountKey,
  currentAccountKey,
  destroyAccountKeys,
  type AccountKeyRow,
} from './keys.store.js';
import { RootKeyring } from './root-keys.js';

export type AccountKeys = ReturnType<typeof deriveAccountKeys> & { readonly id: string };
export type ContentKeys = ReturnType<typeof deriveContentKeys>;

/** A new content's key as it goes into the content's row, with what is derived from it. */
export interface NewContentKey {
  readonly accountKey: string;
  readonly wrapped: Buffer;
  readonly keys: ContentKeys;
}

/** Enough for the accounts that are at work at one time; older ones are unwrapped again. */
const CACHED_KEYS = 2_000;

/** Account keys unwrapped, and content keys wrapped under them. Only this room sees a root or an account key. */
@Injectable()
export class AccountKeyring {
  private readonly opened = new Map<string, AccountKeys>();
  private readonly currentIds = new Map<string, { id: string; until: number }>();

  constructor(
    private readonly roots: RootKeyring,
    private readonly database: Database,
  ) {}

  /** The key that new contents and versions of this account are sealed under; made at the first call. */
  async current(account: string): Promise<AccountKeys> {
    const cached = this.currentIds.get(account);
    if (cached && cached.until > performance.now()) return this.byId(account, cached.id);
    const row = await this.currentOrNew(this.database, account);
    // A rotation elsewhere is noticed within this time; until then the older key still opens what it sealed.
    this.currentIds.set(account, { id: row.id, until: performance.now() + 5_000 });
    return this.open(account, row);
  }

  async byId(account: string, id: string): Promise<AccountKeys> {
    const cached = this.opened.get(account + id);
    if (cached) return cached;
    const row = await accountKeyById(this.database, account, id);
    if (!row) throw new KeyDestroyed();
    return this.open(account, row);
  }

  /** All keys that versions of this account may be sealed under, by id: for work inside a transaction, which cannot ask for more. */
  async all(account: string): Promise<ReadonlyMap<string, AccountKeys>> {
    const keys = new Map<string, AccountKeys>();
    for (const id of await accountKeyIds(this.database, account)) keys.set(id, await this.byId(account, id));
    return keys;
  }

  get holdsAny(): boolean {
    return this.opened.size > 0;
  }

  /** Destroys an account's keys in the caller's transaction. After its commit `forget` follows; other gateways notice within a second. */
  async destroy(sql: Sql, account: string): Promise<void> {
    await destroyAccountKeys(sql, account);
  }

  /** What a purge must call in every gateway: an unwrapped key outlives its row otherwise. */
  forget(account: string): void {
    this.currentIds.delete(account);
    for (const [name] of this.opened) if (name.startsWith(account)) this.opened.delete(name);
  }

  async newContentKey(account: string, content: string): Promise<NewContentKey> {
    const accountKeys = await this.current(account);
    const key = SecretKey.random();
    const wrapped = wrapKey(accountKeys.contentWrap, key, contentContext(account, content, accountKeys.id));
    const keys = deriveContentKeys(key);
    key.wipe();
    return { accountKey: accountKeys.id, wrapped, keys };
  }

  async openContentKey(
    account: string,
    content: string,
    sealed: { accountKey: string; wrapped: Buffer | null },
  ): Promise<ContentKeys> {
    if (!sealed.wrapped) throw new KeyDestroyed();
    const accountKeys = await this.byId(account, sealed.accountKey);
    const key = unwrapKey(accountKeys.contentWrap, sealed.wrapped, contentContext(account, content, accountKeys.id));
    const keys = deriveContentKeys(key);
    key.wipe();
    return keys;
  }

  private async currentOrNew(sql: Sql, account: string): Promise<AccountKeyRow> {
    const found = await currentAccountKey(sql, account);
    if (found) return found;
    const id = randomUUIDv7();
    const epoch = this.roots.currentEpoch;
    const key = SecretKey.random();
    const wrapped = wrapKey(this.roots.current.accountWrap, key, accountContext(account, id, epoch));
    key.wipe();
    await addAccountKey(sql, account, { id, wrapped, root_epoch: epoch });
    const made = await currentAccountKey(sql, account);
    if (!made) throw new KeyDestroyed();
    return made;
  }

  private open(account: string, row: AccountKeyRow): AccountKeys {
    const cached = this.opened.get(account + row.id);
    if (cached) return cached;
    if (!row.wrapped) throw new KeyDestroyed();
    const wrapper = this.roots.epoch(row.root_epoch).accountWrap;
    const key = unwrapKey(wrapper, row.wrapped, accountContext(account, row.id, row.root_epoch));
    const keys = { id: row.id, ...deriveAccountKeys(key) };
    key.wipe();
    if (this.opened.size >= CACHED_KEYS) this.opened.delete(this.opened.keys().next().value as string);
    this.opened.set(account + row.id, keys);
    return keys;
  }
}

/** How an account key is bound to its place: the root epoch that wraps it, the account, its own id. */
export function accountContext(account: string, keyId: string, epoch: number): WrapContext {
  return { purpose: 'account-key', account, content: null, chunk: null, keyId, wrapper: null, epoch };
}

/** A content has one key, so the content's id is the key's; account keys have no epochs, so theirs is 0. */
function contentContext(account: string, content: string, accountKey: string): WrapContext {
  return { purpose: 'content-key', account, content, chunk: null, keyId: content, wrapper: accountKey, epoch: 0 };
}
