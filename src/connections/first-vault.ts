import { randomUUIDv7 } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { deviceOf, newFolderName } from '#storage';
import { Config } from '../config/index.js';
import { Database, violates } from '../database/index.js';
import { anyConnection, insertConnection } from './connections.store.js';

/** Gives a new gateway a vault beside its database, open to all, so that the first file can be stored at once. */
@Injectable()
export class FirstVault implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    @Inject(Config) private readonly config: Config,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (await anyConnection(this.database)) return;
    const folder = join(this.config.dataFolder, 'vault');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = await realpath(folder);
    const vault = {
      id: randomUUIDv7(),
      account: null,
      provider: 'local',
      label: 'First vault',
      identity: path,
      domain: await deviceOf(path),
      folder: newFolderName(),
      settings: { path },
      credentials: null,
    };
    await insertConnection(this.database, vault).catch((error: unknown) => {
      // Another gateway on the same folder was quicker.
      if (!violates(error, 'connections_one_place')) throw error;
    });
  }
}
