import { z } from 'zod';
import * as kind from './kinds.js';

/** Every variable that the gateway reads. The descriptions print docs/configuration.md. `byDefault` tells a default that is worked out. */
export const settings = z.object({
  PORT: kind.wholeNumber(0, 65535).prefault('8080').describe('The port it listens on.'),
  HOST: kind.text(255).prefault('127.0.0.1').describe('The address it listens on.'),
  TESSERA_DATA: kind
    .text(4096)
    .prefault('./data')
    .describe(
      'The folder that holds what the gateway keeps on this machine: embedded database, root key, first local vault, spool.',
    ),
  TESSERA_PUBLIC_URL: kind
    .origin()
    .optional()
    .describe('The address that browsers use: OAuth redirects, links, cookies.')
    .meta({ byDefault: '`http://localhost:PORT`' }),
  TESSERA_ADMIN_EMAIL: kind
    .email()
    .optional()
    .describe(
      'Together with `TESSERA_ADMIN_PASSWORD` creates the first account, with the roles `admin` and `user`, when there is none yet. Without them the first start prints a one-time set-up link.',
    ),
  TESSERA_ADMIN_PASSWORD: kind
    .secret(8)
    .optional()
    .describe('The first account’s password. Not read any more once an account exists.'),
  DATABASE_URL: kind
    .serverUrl(['postgres:', 'postgresql:'])
    .optional()
    .describe('An external Postgres (15 or newer) instead of the embedded one.'),
  REDIS_URL: kind
    .serverUrl(['redis:', 'rediss:', 'unix:'])
    .optional()
    .describe('Redis for OAuth state, rate limits, caches and locks; without it these live in the database.'),
  TESSERA_ROOT_KEY_FILE: kind
    .text(4096)
    .optional()
    .describe(
      'The root key: lines `EPOCH BASE64` (32 bytes), the highest is current, a bare key is epoch 1. Made with mode 0600 on the very first start when the database is embedded, required when it is not.',
    )
    .meta({ byDefault: '`TESSERA_DATA/root.key`' }),
  GOOGLE_CLIENT_ID: kind.text().optional().describe('The operator’s OAuth application at Google.'),
  GOOGLE_CLIENT_SECRET: kind.secret().optional().describe('Its secret.'),
  MICROSOFT_CLIENT_ID: kind.text().optional().describe('The operator’s OAuth application at Microsoft.'),
  MICROSOFT_CLIENT_SECRET: kind.secret().optional().describe('Its secret.'),
  TESSERA_GOOGLE_ORIGIN: kind
    .safeOrigin()
    .optional()
    .describe(
      'One origin that stands in for all of Google’s hosts, paths unchanged (a proxy, a test double; plain http on loopback only).',
    )
    .meta({ byDefault: 'the real hosts' }),
  TESSERA_MICROSOFT_ORIGIN: kind
    .safeOrigin()
    .optional()
    .describe('The same for Microsoft’s hosts.')
    .meta({ byDefault: 'the real hosts' }),
  TESSERA_ALLOW_HOSTS: kind
    .hostList()
    .optional()
    .describe(
      'Host names and CIDR ranges, comma separated, that user-given addresses may reach although they are private.',
    )
    .meta({ byDefault: 'none' }),
  TESSERA_TRUST_PROXY: kind
    .proxies()
    .prefault('0')
    .describe(
      'How many reverse proxies stand before the gateway, or their addresses: whose word about a client’s address is believed.',
    ),
  TESSERA_MAX_CONNECTIONS: kind
    .wholeNumber(1, 100_000)
    .prefault('400')
    .describe(
      'Client connections that are read at once. Further ones are accepted and wait unread until one of them ends.',
    ),
  TESSERA_STALL_SECONDS: kind
    .wholeNumber(1, 86_400)
    .prefault('60')
    .describe('A transfer that moves no byte for so long is ended. A slow one is not.'),
  TESSERA_STOP_SECONDS: kind
    .wholeNumber(0, 3600)
    .prefault('10')
    .describe('How long a stop waits for the requests in flight.'),
  TESSERA_UPLOAD_HOURS: kind
    .wholeNumber(1, 8760)
    .prefault('24')
    .describe('How long an upload over several requests (tus) may stand still before it is given up.'),
  TESSERA_CHUNK_BYTES: kind
    .byteCount(64 * 1024, 64 * 1024 * 1024)
    .prefault('8MiB')
    .describe('The largest chunk that new contents are cut into.'),
  TESSERA_BYTE_BUDGET: kind
    .byteCount(1024 * 1024, 2 ** 40)
    .prefault('45MiB')
    .describe('Plain and sealed bytes that all transfers together may hold in memory. At least twice the chunk size.'),
  TESSERA_TRASH_DAYS: kind
    .wholeNumber(0, 36_500)
    .prefault('30')
    .describe('What lies in the trash for so many days is erased. 0: never by itself.'),
  TESSERA_VERSIONS_KEPT: kind
    .wholeNumber(0, 1_000_000)
    .prefault('100')
    .describe('How many versions a file has at most; beyond them the oldest are erased. 0: as many as there are.'),
  TESSERA_VERSION_DAYS: kind
    .wholeNumber(0, 36_500)
    .prefault('0')
    .describe('An earlier version is erased so many days after a newer one took its place. 0: never for its age.'),
  TESSERA_CHANGE_DAYS: kind
    .wholeNumber(1, 36_500)
    .prefault('30')
    .describe('How many days back programs that follow changes may have been away.'),
  TESSERA_GIVE_UP_DAYS: kind
    .wholeNumber(0, 36_500)
    .prefault('3')
    .describe(
      'A connection that has not answered for so many days is given up: what lies there is made anew elsewhere. 0: only by hand.',
    ),
  TESSERA_BACKUP_FOLDER: kind
    .text(4096)
    .optional()
    .describe(
      'Where sealed backups of the database go: best a folder on another disk, or one that is copied elsewhere. Several gateways need one that all of them see.',
    )
    .meta({ byDefault: '`TESSERA_DATA/backups`' }),
  TESSERA_BACKUP_HOUR: kind
    .hour()
    .prefault('3')
    .describe('The hour of the day, in UTC, from which on the nightly backup is made. `never`: only by hand.'),
  TESSERA_BACKUP_DAYS: kind
    .wholeNumber(1, 3650)
    .prefault('30')
    .describe(
      'A backup is deleted so many days after it was made, once a newer one was proved readable. What was purged can be brought back from a backup until then.',
    ),
  TESSERA_SCRUB_HOURS: kind
    .wholeNumber(0, 8760)
    .prefault('24')
    .describe(
      'Every connection is looked through for what is missing or damaged there once in so many hours. 0: only when somebody asks.',
    ),
  TESSERA_PROVE_DAYS: kind
    .wholeNumber(1, 3650)
    .prefault('30')
    .describe(
      'Within so many days every stored piece is proved to be whole: by its provider’s own checksum, or by reading it.',
    ),
  TESSERA_PREVIEW_DECODERS: kind
    .wholeNumber(0, 64)
    .prefault('1')
    .describe(
      'How many pictures and first pages are made small at once for previews, each in a process of its own that may take 512 MiB beside the gateway. 0: no previews are made.',
    ),
  TESSERA_DATABASE_CONNECTIONS: kind
    .wholeNumber(2, 500)
    .prefault('20')
    .describe('Connections to the database that this gateway opens at most.'),
  TESSERA_DATABASE_WAIT_SECONDS: kind
    .wholeNumber(1, 600)
    .prefault('10')
    .describe('How long a request waits for one of them before it is answered 503.'),
  TESSERA_ALERT_URL: kind
    .serverUrl(['https:', 'http:'])
    .optional()
    .describe(
      'An address that is told when a connection fails, is full, has to be connected anew, has lost something or raises an alarm, or when there is no backup of late, and when that is over. A private one has to stand in `TESSERA_ALLOW_HOSTS`.',
    ),
  TESSERA_ALERT_SECRET: kind.secret(16).optional().describe('What these messages are signed with.'),
  TESSERA_WORKER_SOCKET: kind
    .text(100)
    .optional()
    .describe(
      'A Unix socket in a folder of its own. Where it is set, upkeep of shards is left to `npm run worker`, which runs without the root key and asks here for opened connections (docs/decisions/worker-without-root-key.md).',
    )
    .meta({ byDefault: 'upkeep runs inside the gateway' }),
  TESSERA_METRICS_TOKEN: kind
    .secret(16)
    .optional()
    .describe('A bearer token that may read the metrics, for a scraper. Admins may with their own.'),
  TESSERA_LOG_LEVEL: z
    .enum(['error', 'warn', 'log', 'debug', 'verbose'], { error: 'must be error, warn, log, debug or verbose' })
    .prefault('log')
    .describe('How much it writes: `error`, `warn`, `log`, `debug` or `verbose`.'),
});

export type Settings = z.output<typeof settings>;
export type SettingName = keyof Settings;
