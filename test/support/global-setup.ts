import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { EmbeddedPostgres } from '../../src/database/embedded/embedded-postgres.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The socket folder of the Postgres that all specs of this run share. */
    postgres: string;
  }
}

/** One real Postgres for the run; each spec file takes a database of its own in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-test-'));
  const postgres = await EmbeddedPostgres.start(folder, { durable: false });
  project.provide('postgres', postgres.connection.host!);
  return async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
