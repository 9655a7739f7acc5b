import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Fault } from '#contracts';
import type { Config, Vendor } from './config.js';
import type { Secret } from './secret.js';
import { settings, type SettingName, type Settings } from './settings.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting that is wrong or missing. The message is one line that names the variable; it never holds the value. */
export class SettingFault extends Fault {
  constructor(
    readonly setting: SettingName,
    readonly reason: string,
  ) {
    super(`${setting} ${reason}`);
  }
}

/** Reads the environment whole. An empty variable counts as one that is not there: compose files write them so. */
export function readConfig(
  environment: Environment = process.env,
  fileExists: (path: string) => boolean = existsSync,
  isWorker = false,
): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = settings.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new SettingFault(issue.path[0] as SettingName, issue.message);
  }
  const config = arrange(parsed.data, isWorker);
  checkTogether(parsed.data, config, fileExists);
  return deepFreeze(config);
}

/** For a process that has no root key: of the same settings those that name no secret but the way to the database. */
export function readWorkerConfig(environment: Environment = process.env): Config {
  const wanted = Object.entries(environment).filter(([name]) => !NOT_FOR_WORKERS.test(name));
  for (const name of ['DATABASE_URL', 'TESSERA_WORKER_SOCKET'] as const) {
    if (!environment[name]) throw new SettingFault(name, 'is missing: a worker needs it');
  }
  return readConfig(Object.fromEntries(wanted), () => true, true);
}

const NOT_FOR_WORKERS = /_CLIENT_(ID|SECRET)$|^TESSERA_(ROOT_KEY_FILE|ADMIN_\w+|ALERT_\w+|METRICS_TOKEN)$/;

/** Names that look like ours but mean nothing: most likely misspelt. */
export function unknownSettings(environment: Environment = process.env): string[] {
  return Object.keys(environment).filter((name) => name.startsWith('TESSERA_') && !(name in settings.shape));
}

function arrange(given: Settings, isWorker: boolean): Config {
  const dataFolder = resolve(given.TESSERA_DATA);
  return {
    port: given.PORT,
    host: given.HOST,
    dataFolder,
    publicUrl: given.TESSERA_PUBLIC_URL ?? `http://localhost:${given.PORT}`,
    firstAccount:
      given.TESSERA_ADMIN_EMAIL && given.TESSERA_ADMIN_PASSWORD
        ? { email: given.TESSERA_ADMIN_EMAIL, password: given.TESSERA_ADMIN_PASSWORD }
        : null,
    databaseUrl: given.DATABASE_URL ?? null,
    databaseConnections: given.TESSERA_DATABASE_CONNECTIONS,
    databaseWaitSeconds: given.TESSERA_DATABASE_WAIT_SECONDS,
    redisUrl: given.REDIS_URL ?? null,
    rootKeyFile: resolve(given.TESSERA_ROOT_KEY_FILE ?? `${dataFolder}/root.key`),
    vendors: vendors(given),
    allowHosts: given.TESSERA_ALLOW_HOSTS ?? [],
    trustProxy: given.TESSERA_TRUST_PROXY,
    maxConnections: given.TESSERA_MAX_CONNECTIONS,
    stallSeconds: given.TESSERA_STALL_SECONDS,
    stopSeconds: given.TESSERA_STOP_SECONDS,
    uploadHours: given.TESSERA_UPLOAD_HOURS,
    chunkBytes: given.TESSERA_CHUNK_BYTES,
    byteBudget: given.TESSERA_BYTE_BUDGET,
    trashDays: given.TESSERA_TRASH_DAYS,
    giveUpDays: given.TESSERA_GIVE_UP_DAYS,
    versionsKept: given.TESSERA_VERSIONS_KEPT,
    versionDays: given.TESSERA_VERSION_DAYS,
    changeDays: given.TESSERA_CHANGE_DAYS,
    backups: {
      folder: resolve(given.TESSERA_BACKUP_FOLDER ?? `${dataFolder}/backups`),
      hour: given.TESSERA_BACKUP_HOUR,
      days: given.TESSERA_BACKUP_DAYS,
    },
    scrubHours: given.TESSERA_SCRUB_HOURS,
    proveDays: given.TESSERA_PROVE_DAYS,
    previewDecoders: given.TESSERA_PREVIEW_DECODERS,
    workerSocket: given.TESSERA_WORKER_SOCKET === undefined ? null : resolve(given.TESSERA_WORKER_SOCKET),
    isWorker,
    alerts:
      given.TESSERA_ALERT_URL && given.TESSERA_ALERT_SECRET
        ? { url: given.TESSERA_ALERT_URL, secret: given.TESSERA_ALERT_SECRET }
        : null,
    metricsToken: given.TESSERA_METRICS_TOKEN ?? null,
    logLevel: given.TESSERA_LOG_LEVEL,
  };
}

/** Every X with a variable X_CLIENT_ID; X_CLIENT_SECRET and TESSERA_X_ORIGIN belong to it. */
const VENDORS = Object.keys(settings.shape).flatMap((name) => /^([A-Z]+)_CLIENT_ID$/.exec(name)?.[1] ?? []);

const pairOf = (vendor: string) => [`${vendor}_CLIENT_ID`, `${vendor}_CLIENT_SECRET`] as [SettingName, SettingName];

function vendors(given: Settings): Readonly<Record<string, Vendor>> {
  return Object.fromEntries(
    VENDORS.map((vendor) => {
      const variables = pairOf(vendor);
      const [clientId, clientSecret] = variables.map((name) => given[name]) as [string?, Secret?];
      const origin = given[`TESSERA_${vendor}_ORIGIN` as SettingName] as string | undefined;
      const application = clientId && clientSecret ? { clientId, clientSecret } : null;
      return [vendor.toLowerCase(), { application, origin: origin ?? null, variables }];
    }),
  );
}

const PAIRS: readonly (readonly [SettingName, SettingName])[] = [
  ['TESSERA_ADMIN_EMAIL', 'TESSERA_ADMIN_PASSWORD'],
  ['TESSERA_ALERT_URL', 'TESSERA_ALERT_SECRET'],
  ...VENDORS.map(pairOf),
];

function checkTogether(given: Settings, config: Config, fileExists: (path: string) => boolean): void {
  for (const [first, second] of PAIRS) {
    const missing = given[first] === undefined ? first : second;
    const present = missing === first ? second : first;
    if (given[missing] === undefined && given[present] !== undefined) {
      throw new SettingFault(missing, `is missing: ${present} is set, and one needs the other`);
    }
  }
  if (config.byteBudget < 2 * config.chunkBytes) {
    throw new SettingFault('TESSERA_BYTE_BUDGET', 'must be at least twice TESSERA_CHUNK_BYTES');
  }
  if (given.DATABASE_URL !== undefined && !fileExists(config.rootKeyFile)) {
    throw new SettingFault(
      'TESSERA_ROOT_KEY_FILE',
      `is missing: there is no file ${config.rootKeyFile}, and with DATABASE_URL no root key is made`,
    );
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
