import type { ChildProcess } from 'node:child_process';
import { chown, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { PoolConfig } from 'pg';
import { findBinaries } from './binaries.js';
import { DATABASE, makeCluster, makeHome, SOCKET_PORT, SUPERUSER } from './cluster.js';
import { type DataLock, lockFolder } from './data-lock.js';
import { type Launch, startPostmaster, stopPostmaster } from './postmaster.js';
import { findRank } from './rank.js';
import { makeSocketFolder } from './socket-folder.js';

export interface EmbeddedOptions {
  /** False only where the data may be lost: tests. */
  readonly durable?: boolean;
}

const FIRST_RESTART_DELAY_MS = 100;
const LONGEST_RESTART_DELAY_MS = 30_000;

/** A Postgres of the gateway's own: started with it, started again when it dies, stopped with it. */
export class EmbeddedPostgres {
  readonly #log = new Logger('Database');
  #child: ChildProcess;
  #stopping = false;
  #restart: Promise<void> | null = null;
  /** Where the kernel does not tell Postgres that we are gone. */
  readonly #leave = () => void this.#child.kill('SIGINT');

  private constructor(
    private readonly launch: Launch,
    private readonly lock: DataLock,
    child: ChildProcess,
  ) {
    this.#child = child;
    this.#watch();
    process.once('exit', this.#leave);
  }

  static async start(dataFolder: string, options: EmbeddedOptions = {}): Promise<EmbeddedPostgres> {
    const durable = options.durable ?? true;
    const home = await makeHome(dataFolder);
    const lock = await lockFolder(dataFolder);
    try {
      const binaries = await findBinaries();
      const rank = await findRank(binaries.postgres, home);
      const cluster = await makeCluster(home, binaries.initdb, rank, durable);
      const socketFolder = await makeSocketFolder(home);
      if (rank.owner !== null) await chown(socketFolder, rank.owner, rank.owner);
      const launch = { postgres: binaries.postgres, rank, home, cluster, socketFolder, durable };
      return new EmbeddedPostgres(launch, lock, await startPostmaster(launch));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get connection(): PoolConfig {
    return { host: this.launch.socketFolder, port: SOCKET_PORT, user: SUPERUSER, database: DATABASE };
  }

  /** The number of the process, for tests that kill it. */
  get pid(): number {
    return this.#child.pid!;
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#restart;
    await stopPostmaster(this.#child);
    process.off('exit', this.#leave);
    await rm(this.launch.socketFolder, { recursive: true, force: true });
    this.lock.release();
  }

  #watch(): void {
    this.#child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      this.#log.error(`The embedded database ended (${signal ?? `exit code ${code}`}); it is started again.`);
      this.#restart = this.#startAgain();
    });
  }

  async #startAgain(): Promise<void> {
    for (let delay = FIRST_RESTART_DELAY_MS; !this.#stopping; delay = Math.min(delay * 2, LONGEST_RESTART_DELAY_MS)) {
      try {
        this.#child = await startPostmaster(this.launch);
        this.#log.log('The embedded database is back.');
        return this.#watch();
      } catch (error) {
        this.#log.error((error as Error).message);
        await pause(delay);
      }
    }
  }
}
