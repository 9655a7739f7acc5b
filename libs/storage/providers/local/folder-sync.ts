import { unless } from './disk-faults.js';
import { type Disk, folderFlags } from './disk.js';

interface Turn {
  running: Promise<void>;
  waiting: Promise<void> | undefined;
}

/**
 * Flushes folders. Those who ask while one flush of a folder is running share the next one: a flush
 * covers only what was linked before it began, so the running one is never good enough for them.
 */
export class FolderSync {
  private readonly turns = new Map<string, Turn>();

  constructor(private readonly disk: Disk) {}

  sync(folder: string): Promise<void> {
    const turn = this.turns.get(folder);
    if (!turn) return this.begin(folder);
    turn.waiting ??= turn.running.then(
      () => this.begin(folder),
      () => this.begin(folder),
    );
    return turn.waiting;
  }

  private begin(folder: string): Promise<void> {
    const turn: Turn = { running: this.flush(folder), waiting: undefined };
    this.turns.set(folder, turn);
    const ended = (): void => {
      if (!turn.waiting) this.turns.delete(folder);
    };
    turn.running.then(ended, ended);
    return turn.running;
  }

  private async flush(folder: string): Promise<void> {
    if (process.platform === 'win32') return;
    const handle = await this.disk.open(folder, folderFlags);
    try {
      // Network shares that cannot flush a folder say so; there is nothing better to be had from them.
      await unless(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'], handle.sync(), undefined);
    } finally {
      await handle.close();
    }
  }
}
