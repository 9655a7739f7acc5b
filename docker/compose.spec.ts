import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../src/config/index.js';
import { settings } from '../src/config/settings.js';

interface Composition {
  readonly services: Record<
    string,
    {
      environment?: Record<string, string>;
      volumes?: string[];
      secrets?: string[];
      depends_on?: object;
      healthcheck?: object;
    }
  >;
  readonly secrets: Record<string, { file: string }>;
  readonly volumes: Record<string, unknown>;
}

const text = (name: string) => readFile(join(import.meta.dirname, name), 'utf8');
const composition = async () => parse(await text('compose.yaml'), { strict: true, uniqueKeys: true }) as Composition;

/** As compose would fill it in. */
const filledIn = (value: string) =>
  value.replace(/\$\{(\w+)(:-([^}]*)|:\?[^}]*)?\}/g, (_all, name: string, _rest, byDefault?: string) =>
    name === 'TESSERA_HOST' ? 'tessera.example.org' : (byDefault ?? 'word'),
  );

test('the gateway’s variables exist, and together they let it start', async () => {
  const { gateway } = (await composition()).services;
  const environment = Object.fromEntries(
    Object.entries(gateway!.environment!).map(([name, value]) => [name, filledIn(value)]),
  );
  expect(Object.keys(environment).filter((name) => !(name in settings.shape))).toEqual([]);
  const config = readConfig(environment, (path) => path === '/run/secrets/root_key');
  expect(config.databaseUrl!.reveal()).toBe('postgres://tessera:word@postgres:5432/tessera');
  expect(config.trustProxy).toBe(1);
});

test('the image sets only variables that exist', async () => {
  const lines = [...(await text('Dockerfile')).matchAll(/^ENV (.*)$/gm)].map(([, line]) => line!);
  const pairs = lines.flatMap((line) => line.split(' '));
  const names = pairs.map((pair) => pair.split('=')[0]!);
  const ofNode = ['NODE_ENV', 'UV_THREADPOOL_SIZE'];
  expect(names.filter((name) => !ofNode.includes(name) && !(name in settings.shape))).toEqual([]);
  const [, threads] = /UV_THREADPOOL_SIZE \?\?= '(\d+)'/.exec(await text('../scripts/start.mjs'))!;
  expect(pairs, 'the image has the threads that npm start gives').toContain(`UV_THREADPOOL_SIZE=${threads}`);
});

test('the image runs as an ordinary user, what npm start would run', async () => {
  const file = await text('Dockerfile');
  const last = file.slice(file.lastIndexOf('\nFROM '));
  expect(last).toMatch(/^USER node$/m);
  const { scripts } = JSON.parse(await text('../package.json')) as { scripts: { start: string } };
  const flags = scripts.start.split(' ').filter((word) => word.startsWith('--'));
  expect(last).toContain(`CMD ${JSON.stringify(['node', ...flags, 'dist/src/main.js']).replaceAll(',', ', ')}`);
  expect(last).toContain('/api/health/ready');
});

test('every service, volume and secret that is named is there', async () => {
  const { services, secrets, volumes } = await composition();
  for (const service of Object.values(services)) {
    const needed = Array.isArray(service.depends_on) ? service.depends_on : Object.keys(service.depends_on ?? {});
    for (const name of needed as string[]) expect(services).toHaveProperty(name);
    for (const name of service.secrets ?? []) expect(secrets).toHaveProperty(name);
    for (const volume of service.volumes ?? [])
      if (!volume.startsWith('.')) expect(volumes).toHaveProperty(volume.split(':')[0]!);
  }
});

test('who waits for a healthy service waits for one that can tell', async () => {
  const { services } = await composition();
  for (const service of Object.values(services)) {
    for (const [name, how] of Object.entries(service.depends_on ?? {})) {
      if ((how as { condition?: string }).condition === 'service_healthy')
        expect(services[name]).toHaveProperty('healthcheck');
    }
  }
});

test('proxies let bytes through as they come', async () => {
  const nginx = await text('nginx.conf');
  for (const line of ['client_max_body_size 0;', 'proxy_request_buffering off;', 'proxy_buffering off;'])
    expect(nginx).toContain(line);
  expect(await text('Caddyfile')).not.toMatch(/max_size|request_buffers|response_buffers/);
});
