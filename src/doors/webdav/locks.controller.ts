import { Controller, HttpCode, Lock, Req, Res, Unlock } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Access, type Caller, CurrentCaller, DAV_USERS, Describe, readSmallBody } from '../../access/index.js';
import { type HeldLock, Locks, PreconditionFailed, type Preconditions, Tree } from '../../files/index.js';
import { StoreFile } from '../../transfers/index.js';
import { type Address, DavAddress } from './address.js';
import { DavUnreadable } from './faults.js';
import { depthOf } from './headers.js';
import { lockTokenOf, readLockInfo, timeoutOf } from './lock-requests.js';
import { activeLock } from './lock-xml.js';
import { PROLOGUE } from './multistatus.js';
import { Preconditioned } from './preconditioned.js';

const PATHS = ['dav', 'dav/*path'];
const XML = { media: 'application/xml' };
const UNTYPED = 'application/octet-stream';

/** Locks, taken and let go. */
@Controller()
export class LocksController {
  constructor(
    private readonly locks: Locks,
    private readonly tree: Tree,
    private readonly storeFile: StoreFile,
    private readonly preconditioned: Preconditioned,
  ) {}

  @Lock(PATHS)
  @Access(DAV_USERS)
  @Describe({
    summary: 'Locks a file or folder, or holds a lock for longer; where nothing lies, an empty file is made.',
    answers: { 200: XML, 201: XML },
    rawBody: XML,
    headers: {
      Depth: '0 or infinity',
      Timeout: 'Second-N',
      If: 'with a token and no body: the lock to hold for longer',
    },
  })
  async lock(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const body = await readSmallBody(request, response);
    const wanted = await this.preconditioned.wanted(caller.accountId, address, request);
    const seconds = timeoutOf(request.headers);
    if (body.length === 0) {
      const { tokens = [] } = wanted;
      if (tokens.length === 0)
        throw new DavUnreadable('A LOCK without a body names, in If, the lock to hold for longer.');
      return show(await this.locks.refresh(caller.accountId, address.names, tokens, seconds), 200, response);
    }
    const depth = depthOf(request.headers, 'infinity');
    if (depth === 1) throw new DavUnreadable('LOCK has no other Depth than 0 and infinity.');
    const wish = { ...readLockInfo(body), names: address.names, deep: depth === 'infinity', seconds };
    const { lock, made } = await this.#take(caller.accountId, wish, wanted);
    response.setHeader('Lock-Token', `<${lock.token}>`);
    show(lock, made ? 201 : 200, response);
  }

  @Unlock(PATHS)
  @HttpCode(204)
  @Access(DAV_USERS)
  @Describe({ summary: 'Lets a lock go.', answers: { 204: null }, headers: { 'Lock-Token': 'which' } })
  unlock(@CurrentCaller() caller: Caller, @DavAddress() address: Address, @Req() request: Request): Promise<void> {
    return this.locks.release(caller.accountId, address.names, lockTokenOf(request.headers));
  }

  /** The lock comes first, so that nobody else takes the name that it is meant for; without the file it is let go again. */
  async #take(
    account: string,
    wish: Omit<HeldLock, 'token'>,
    wanted: Preconditions,
  ): Promise<{ lock: HeldLock; made: boolean }> {
    const { names } = wish;
    if (await this.tree.isThere(account, names)) return { lock: await this.locks.take(account, wish), made: false };
    await this.tree.checkTarget(account, names, { parentThere: true, tokens: wanted.tokens ?? [] });
    const lock = await this.locks.take(account, wish);
    try {
      const tokens = [...(wanted.tokens ?? []), lock.token];
      const made = await this.#makeEmpty(account, names, { noneMatch: '*', parentThere: true, tokens });
      return { lock, made };
    } catch (error) {
      await this.locks.release(account, names, lock.token);
      throw error;
    }
  }

  /** False when somebody, who may, made it meanwhile. */
  async #makeEmpty(account: string, names: HeldLock['names'], wanted: Preconditions): Promise<boolean> {
    const nothing = { open: () => noBytes(), gone: new AbortController().signal };
    const file = { length: 0, contentType: UNTYPED, modifiedAt: undefined, sha256: undefined };
    try {
      await this.storeFile.run({ account, names, wanted, ...file }, nothing);
      return true;
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
      return false;
    }
  }
}

async function* noBytes(): AsyncGenerator<Buffer> {}

function show(lock: HeldLock, status: number, response: Response): void {
  const inner = `<D:lockdiscovery>${activeLock(lock)}</D:lockdiscovery>`;
  response.status(status).setHeader('Content-Type', 'application/xml; charset=utf-8');
  response.end(`${PROLOGUE}<D:prop xmlns:D="DAV:">${inner}</D:prop>\n`);
}
