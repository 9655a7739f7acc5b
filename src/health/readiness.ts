import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Fault } from '#contracts';

export interface Check {
  readonly name: string;
  /** Throws when the gateway cannot serve. A fault's message is told to whoever asks; any other error's is not. */
  readonly run: () => Promise<void> | void;
}

export interface Finding {
  readonly ready: boolean;
  /** By the check's name: `ok`, or why not. */
  readonly checks: Readonly<Record<string, string>>;
}

const PATIENCE_MS = 2000;
/** Anybody may ask, so that a flood of questions costs one look a second. */
const FRESH_MS = 1000;

/** Whether this gateway can serve. Every room that can fail adds its check. */
@Injectable()
export class Readiness implements OnModuleDestroy {
  readonly #log = new Logger('Readiness');
  readonly #checks = new Map<string, Check>();
  #last: { readonly at: number; readonly finding: Promise<Finding> } | undefined;
  #stopping = false;

  add(check: Check): void {
    if (this.#checks.has(check.name)) throw new Error(`There is a readiness check «${check.name}» already.`);
    this.#checks.set(check.name, check);
  }

  /** From here on the gateway is not ready: it finishes what it has, and whoever balances loads sends it nothing new. */
  onModuleDestroy(): void {
    this.#stopping = true;
  }

  async look(): Promise<Finding> {
    if (this.#stopping) return { ready: false, checks: { gateway: 'The gateway is stopping.' } };
    if (this.#last === undefined || performance.now() - this.#last.at > FRESH_MS) {
      this.#last = { at: performance.now(), finding: this.#lookAtAll() };
    }
    return this.#last.finding;
  }

  async #lookAtAll(): Promise<Finding> {
    const found = await Promise.all(
      [...this.#checks.values()].map(async (check) => [check.name, await this.#run(check)] as const),
    );
    return { ready: found.every(([, state]) => state === 'ok'), checks: Object.fromEntries(found) };
  }

  async #run(check: Check): Promise<string> {
    try {
      await withinPatience(check);
      return 'ok';
    } catch (error) {
      if (error instanceof Fault) return error.message;
      this.#log.warn(`${check.name}: ${error instanceof Error ? error.message : 'failed'}`);
      return 'The check failed.';
    }
  }
}

class TooSlow extends Fault {}

async function withinPatience(check: Check): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new TooSlow(`No answer within ${PATIENCE_MS / 1000} seconds.`)), PATIENCE_MS);
  try {
    await Promise.race([check.run(), promise]);
  } finally {
    clearTimeout(timer);
  }
}
