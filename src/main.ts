import './process-settings.js';
import 'reflect-metadata';
import { Fault } from '#contracts';
import { FirstAccount, welcomeText } from './accounts/index.js';
import { type Config, readConfig, unknownSettings } from './config/index.js';
import { type Gateway, startGateway } from './gateway.js';

/** A stop that takes longer than the requests in flight may, by this much, is not a clean one any more. */
const STOP_MARGIN_MS = 30_000;

async function main(): Promise<void> {
  const config = readConfig();
  for (const name of unknownSettings()) console.warn(`${name} is not a setting of this gateway; it is ignored.`);
  let stopping: Promise<void> | null = null;
  const starting = startGateway(config);
  // npm passes on a Ctrl-C that the terminal has sent already: a second signal changes nothing.
  const stop = () => (stopping ??= stopOnce(starting, config));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const gateway = await starting;
  if (stopping === null) announce(config, gateway);
}

function announce(config: Config, gateway: Gateway): void {
  console.log(`Tessera is ready: ${config.publicUrl}`);
  console.log(welcomeText(gateway.app.get(FirstAccount).welcome, config.publicUrl));
}

async function stopOnce(starting: Promise<Gateway>, config: Config): Promise<void> {
  setTimeout(() => process.exit(1), config.stopSeconds * 1000 + STOP_MARGIN_MS).unref();
  const gateway = await starting.catch(() => null);
  if (gateway === null) return;
  await gateway.stop();
  console.log('Tessera has stopped.');
  process.exit(0);
}

function fail(error: unknown): never {
  // A fault is meant to be read; anything else is a defect, and its stack helps to find it.
  console.error(error instanceof Fault ? error.message : error);
  process.exit(1);
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
main().catch(fail);
