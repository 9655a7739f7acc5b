import { type DiskCall, watchedDisk } from './watched-disk.js';
import { openLocalVault } from '../local-vault.js';
import { bodyOf, someBytes } from '../../../testing/bytes.js';
import type { BlobName } from '../../../provider.js';

/**
 * Does one thing to a vault and dies by SIGKILL at the n-th call on the file system, before or after its
 * effect; with n = 0 it lives, and prints how many calls there were.
 */
const [path = '', folder = '', verb = '', name = '', moment = '', nth = ''] = process.argv.slice(2);

let calls = 0;
let armed = false;

async function die(): Promise<void> {
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
}

async function watch(_call: DiskCall, run: () => Promise<unknown>): Promise<unknown> {
  if (!armed) return run();
  calls += 1;
  const fatal = calls === Number(nth);
  if (fatal && moment === 'before') await die();
  try {
    return await run();
  } finally {
    if (fatal) await die();
  }
}

const vault = await openLocalVault({ path, folder, instance: 'dying', disk: watchedDisk(watch) });
armed = true;
if (verb === 'put') await vault.put(name as BlobName, bodyOf(someBytes(2_300_000)));
if (verb === 'mark') await vault.writeMarker(Buffer.from('new marker'));
if (verb === 'delete') await vault.delete(name as BlobName);
process.stdout.write(String(calls));
