import { Injectable } from '@nestjs/common';
import { Ephemeral } from '../ephemeral/index.js';
import { TooManyTries } from './errors.js';

const WINDOW_MS = 60_000;
const IN_WINDOW = 30;

/**
 * How often an account may have the gateway go to an address that it typed. Without it the gateway would be a port
 * scanner for anybody who has an account, and guess at other people's passwords from its own address.
 */
@Injectable()
export class TryLimit {
  constructor(private readonly ephemeral: Ephemeral) {}

  async count(account: string): Promise<void> {
    const { count, remainingMs } = await this.ephemeral.increment(`connect-try:${account}`, WINDOW_MS);
    if (count > IN_WINDOW) throw new TooManyTries(Math.ceil(remainingMs / 1000));
  }
}
