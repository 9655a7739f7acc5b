import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Environment, readConfig, Secret, SettingFault, unknownSettings } from './index.js';

const read = (environment: Environment, fileExists = true) => readConfig(environment, () => fileExists);

describe('an empty environment', () => {
  const config = read({});

  test('is enough', () => {
    expect(config).toMatchObject({
      port: 8080,
      host: '127.0.0.1',
      publicUrl: 'http://localhost:8080',
      databaseUrl: null,
      firstAccount: null,
      chunkBytes: 8 * 1024 * 1024,
      byteBudget: 45 * 1024 * 1024,
      allowHosts: [],
      trustProxy: 0,
    });
    expect(config.rootKeyFile).toBe(`${config.dataFolder}/root.key`);
    expect(config.dataFolder).toBe(`${process.cwd()}/data`);
  });

  test('is what empty variables come to', () => {
    expect(read({ PORT: '', TESSERA_DATA: '', DATABASE_URL: '', TESSERA_ADMIN_EMAIL: undefined })).toEqual(config);
  });
});

test('the address follows the port, unless it is told', () => {
  expect(read({ PORT: '9000' }).publicUrl).toBe('http://localhost:9000');
  expect(read({ PORT: '9000', TESSERA_PUBLIC_URL: 'https://Files.example.org/' }).publicUrl).toBe(
    'https://files.example.org',
  );
});

test('settings cannot be changed, at any depth', () => {
  const config = read({
    TESSERA_ADMIN_EMAIL: 'a@b',
    TESSERA_ADMIN_PASSWORD: 'long enough',
    TESSERA_ALLOW_HOSTS: 'nas,10.0.0.0/8',
  });
  expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
  expect(() => Object.assign(config.firstAccount!, { email: 'x' })).toThrow(TypeError);
  expect(() => (config.allowHosts as string[]).push('x')).toThrow(TypeError);
});

describe('a wrong setting is told in one line that names it', () => {
  const faults: [Environment, string][] = [
    [{ PORT: 'http' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '70000' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '8080.5' }, 'PORT must be a whole number from 0 to 65535'],
    [{ PORT: '-1' }, 'PORT must be a whole number from 0 to 65535'],
    [
      { TESSERA_PUBLIC_URL: 'tessera.example.org' },
      'TESSERA_PUBLIC_URL must be an origin such as https://tessera.example.org, without a path',
    ],
    [
      { TESSERA_PUBLIC_URL: 'https://a.example/b' },
      'TESSERA_PUBLIC_URL must be an origin such as https://tessera.example.org, without a path',
    ],
    [
      { TESSERA_PUBLIC_URL: 'ftp://a.example' },
      'TESSERA_PUBLIC_URL must be an origin such as https://tessera.example.org, without a path',
    ],
    [
      { DATABASE_URL: 'mysql://hunter2@db' },
      'DATABASE_URL must be an address that begins with postgres:// or postgresql://',
    ],
    [{ REDIS_URL: 'localhost:6379' }, 'REDIS_URL must be an address that begins with redis:// or rediss:// or unix://'],
    [
      { TESSERA_ADMIN_EMAIL: 'me@example.org' },
      'TESSERA_ADMIN_PASSWORD is missing: TESSERA_ADMIN_EMAIL is set, and one needs the other',
    ],
    [
      { TESSERA_ADMIN_PASSWORD: 'hunter2 hunter2' },
      'TESSERA_ADMIN_EMAIL is missing: TESSERA_ADMIN_PASSWORD is set, and one needs the other',
    ],
    [{ TESSERA_ADMIN_PASSWORD: 'hunter2' }, 'TESSERA_ADMIN_PASSWORD must be at least 8 characters long'],
    [
      { TESSERA_ADMIN_EMAIL: 'me', TESSERA_ADMIN_PASSWORD: 'hunter2 hunter2' },
      'TESSERA_ADMIN_EMAIL must be an e-mail address',
    ],
    [{ GOOGLE_CLIENT_ID: 'id' }, 'GOOGLE_CLIENT_SECRET is missing: GOOGLE_CLIENT_ID is set, and one needs the other'],
    [{ TESSERA_GOOGLE_ORIGIN: 'http://evil.example' }, 'TESSERA_GOOGLE_ORIGIN may use plain http on loopback only'],
    [
      { TESSERA_ALLOW_HOSTS: '10.0.0.0/99' },
      'TESSERA_ALLOW_HOSTS must be host names, addresses or CIDR ranges, comma separated',
    ],
    [
      { TESSERA_CHUNK_BYTES: '1' },
      'TESSERA_CHUNK_BYTES must be a number of bytes from 64 KiB to 64 MiB, such as 8388608 or 8MiB',
    ],
    [{ TESSERA_CHUNK_BYTES: '32MiB' }, 'TESSERA_BYTE_BUDGET must be at least twice TESSERA_CHUNK_BYTES'],
    [
      { TESSERA_TRUST_PROXY: 'everyone' },
      'TESSERA_TRUST_PROXY must be a number of proxies, or their addresses and CIDR ranges, comma separated',
    ],
    [{ TESSERA_LOG_LEVEL: 'loud' }, 'TESSERA_LOG_LEVEL must be error, warn, log, debug or verbose'],
  ];
  test.each(faults)('%j', (environment, message) => {
    expect(() => read(environment)).toThrow(
      new SettingFault(message.split(' ')[0] as never, message.replace(/^\S+ /, '')),
    );
  });

  test('a root key that is not there, beside an external database', () => {
    const environment = { DATABASE_URL: 'postgres://u:hunter2@db/t', TESSERA_ROOT_KEY_FILE: '/keys/root' };
    expect(() => read(environment, false)).toThrow(
      /^TESSERA_ROOT_KEY_FILE is missing: there is no file \/keys\/root, /,
    );
    expect(read(environment, true).rootKeyFile).toBe('/keys/root');
  });
});

describe('what is accepted', () => {
  const accepted: [Environment, object][] = [
    [{ TESSERA_CHUNK_BYTES: '65536' }, { chunkBytes: 65_536 }],
    [{ TESSERA_CHUNK_BYTES: '1MiB' }, { chunkBytes: 2 ** 20 }],
    [{ TESSERA_GOOGLE_ORIGIN: 'http://127.0.0.1:9999' }, { vendors: { google: { origin: 'http://127.0.0.1:9999' } } }],
    [{ TESSERA_GOOGLE_ORIGIN: 'http://[::1]:9999/' }, { vendors: { google: { origin: 'http://[::1]:9999' } } }],
    [{ MICROSOFT_CLIENT_ID: '' }, { vendors: { microsoft: { application: null, origin: null } } }],
    [
      { MICROSOFT_CLIENT_ID: 'a', MICROSOFT_CLIENT_SECRET: 'b' },
      {
        vendors: {
          google: { application: null, variables: ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'] },
          microsoft: { application: { clientId: 'a' } },
        },
      },
    ],
    [
      { TESSERA_ALLOW_HOSTS: 'nas.local, 10.0.0.0/8,fd00::/8 , 192.168.1.7' },
      { allowHosts: ['nas.local', '10.0.0.0/8', 'fd00::/8', '192.168.1.7'] },
    ],
    [{ TESSERA_TRUST_PROXY: '1' }, { trustProxy: 1 }],
    [{ TESSERA_TRUST_PROXY: '10.0.0.1,172.16.0.0/12' }, { trustProxy: ['10.0.0.1', '172.16.0.0/12'] }],
  ];
  test.each(accepted)('%j', (environment, expected) => {
    expect(read(environment)).toMatchObject(expected);
  });
});

describe('a secret', () => {
  const config = read({
    DATABASE_URL: 'postgres://u:hunter2@db/t',
    REDIS_URL: 'redis://:hunter2@cache',
    TESSERA_ADMIN_EMAIL: 'me@example.org',
    TESSERA_ADMIN_PASSWORD: 'hunter2 hunter2',
    MICROSOFT_CLIENT_ID: 'id',
    MICROSOFT_CLIENT_SECRET: 'hunter2',
    TESSERA_METRICS_TOKEN: 'hunter2 hunter2 hunter2',
  });

  const printers: [string, () => string][] = [
    ['JSON', () => JSON.stringify(config)],
    ['inspect', () => inspect(config, { depth: 9, showHidden: true })],
    ['a template', () => `${config.databaseUrl} ${config.redisUrl} ${config.metricsToken}`],
    ['concatenation', () => '' + config.firstAccount!.password],
    ['Object.entries', () => String(Object.entries(config.vendors['microsoft']!.application!.clientSecret))],
  ];
  test.each(printers)('is not printed by %s', (_name, print) => {
    expect(print()).not.toContain('hunter2');
  });

  test('tells itself to who asks for it', () => {
    expect(config.firstAccount!.password.reveal()).toBe('hunter2 hunter2');
    expect(config.databaseUrl).toBeInstanceOf(Secret);
  });
});

test('names that look like ours but mean nothing are told', () => {
  expect(unknownSettings({ TESSERA_ADMIN_EMIAL: 'x', TESSERA_DATA: 'x', PATH: 'x' })).toEqual(['TESSERA_ADMIN_EMIAL']);
});
