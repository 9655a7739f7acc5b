import { Fault } from '#contracts';
import { readConfig } from '../config/index.js';
import { restoreCommand } from './restore-command.js';

async function main(): Promise<void> {
  await restoreCommand(process.argv.slice(2), readConfig(), (line) => console.log(line));
}

main().catch((error: unknown) => {
  // A fault is meant to be read; anything else is a defect, and its stack helps to find it.
  console.error(error instanceof Fault ? error.message : error);
  process.exitCode = 1;
});
