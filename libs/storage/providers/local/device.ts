import { withFaults } from './disk-faults.js';
import { type Disk, disk as realDisk } from './disk.js';

/** The disk a path lies on: two vaults of one disk are one failure domain. Holds until the next start of the machine. */
export async function deviceOf(path: string, disk: Disk = realDisk): Promise<string> {
  const { dev } = await withFaults(() => disk.stat(path));
  return `disk:${dev}`;
}
