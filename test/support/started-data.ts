import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnGateway } from './gateway.js';

/** A data folder on which a gateway with its own database was started and stopped once. */
export interface StartedData {
  readonly folder: string;
  /** As after that first stop, at the same path. Nobody may use it. */
  restore(): Promise<void>;
  remove(): Promise<void>;
}

/** Making a cluster and its tables costs more than most tests that begin with it; all but the first have a copy. */
export async function startedData(environment: Readonly<Record<string, string>> = {}): Promise<StartedData> {
  const home = await mkdtemp(join(tmpdir(), 'tessera-started-'));
  const [folder, kept] = [join(home, 'data'), join(home, 'kept')];
  const gateway = await spawnGateway({ dataFolder: folder, environment });
  await gateway.ready();
  await gateway.stop();
  await cp(folder, kept, { recursive: true });
  return {
    folder,
    async restore() {
      await rm(folder, { recursive: true, force: true });
      await cp(kept, folder, { recursive: true });
    },
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
