import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { SettingRefused } from '../../errors.js';
import type { Settings } from '../description.js';
import { s3 } from './index.js';
import { presets } from './presets.js';
import { readTarget } from './target.js';

const keys = { bucket: 'blobs', accessKeyId: 'AKIA', secretAccessKey: 'secret/+=' };
const admit = (address: string): URL => new URL(address);

function read(settings: Settings) {
  return readTarget({ ...keys, ...settings }, admit);
}

describe('What somebody types about a bucket', () => {
  it.each<[Settings, object]>([
    [
      { preset: 'aws', region: 'eu-central-1' },
      { endpoint: 'https://s3.eu-central-1.amazonaws.com', region: 'eu-central-1', pathStyle: false },
    ],
    [
      { endpoint: 's3.eu-west-1.amazonaws.com' },
      { endpoint: 'https://s3.eu-west-1.amazonaws.com', region: 'eu-west-1', pathStyle: false },
    ],
    [
      { endpoint: 'https://s3.us-west-004.backblazeb2.com/' },
      { endpoint: 'https://s3.us-west-004.backblazeb2.com', region: 'us-west-004' },
    ],
    [{ endpoint: 'https://abc.r2.cloudflarestorage.com' }, { region: 'auto', pathStyle: true }],
    [{ preset: 'wasabi' }, { endpoint: 'https://s3.us-east-1.wasabisys.com', region: 'us-east-1' }],
    [{ preset: 'storj' }, { endpoint: 'https://gateway.storjshare.io' }],
    [
      { preset: 'garage', endpoint: 'https://garage.lan:8443' },
      { endpoint: 'https://garage.lan:8443', region: 'garage', pathStyle: true },
    ],
    [
      { endpoint: 'https://nas.example.com:9000/s3/' },
      { endpoint: 'https://nas.example.com:9000/s3', region: 'us-east-1', pathStyle: true },
    ],
    [
      { preset: 'scaleway', region: 'fr-par', bucket: 'my.blobs' },
      { endpoint: 'https://s3.fr-par.scw.cloud', pathStyle: true },
    ],
    [{ preset: 'aws', region: 'eu-west-1', prefix: '/backups//tessera/' }, { prefix: 'backups/tessera/' }],
  ])('is read: %j', (settings, expected) => {
    expect(read(settings)).toMatchObject(expected);
  });

  it.each<[Settings, string]>([
    [{}, 'endpoint'],
    [{ preset: 'cloudflare-r2' }, 'endpoint'],
    [{ preset: 'aws' }, 'region'],
    [{ preset: 'floppy' }, 'preset'],
    [{ preset: 'aws', region: 'evil.example/' }, 'region'],
    [{ preset: 'aws', region: 'eu-west-1', bucket: 'arn:aws:s3:::x' }, 'bucket'],
    [{ preset: 'aws', region: 'eu-west-1', bucket: 'a/b' }, 'bucket'],
    [{ preset: 'aws', region: 'eu-west-1', bucket: 'blobs--euw1-az1--x-s3' }, 'bucket'],
    [{ preset: 'aws', region: 'eu-west-1', bucket: 'a..b' }, 'bucket'],
    [{ preset: 'aws', region: 'eu-west-1', prefix: '../up' }, 'prefix'],
    [{ preset: 'aws', region: 'eu-west-1', prefix: 'a b' }, 'prefix'],
    [{ preset: 'aws', region: 'eu-west-1', accessKeyId: 'a b' }, 'accessKeyId'],
    [{ preset: 'aws', region: 'eu-west-1', secretAccessKey: 'x\n' }, 'secretAccessKey'],
  ])('is refused with the field named: %j', (settings, field) => {
    const refusal: unknown = (() => {
      try {
        return read(settings);
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(SettingRefused);
    expect(refusal).toMatchObject({ field });
  });
});

describe('Two buckets', () => {
  it.each<[string, Settings, Settings, boolean]>([
    [
      'two regions of a vendor, one key',
      { preset: 'aws', region: 'eu-west-1' },
      { endpoint: 'https://s3.us-east-1.amazonaws.com' },
      true,
    ],
    [
      'one vendor, two keys',
      { preset: 'aws', region: 'eu-west-1' },
      { preset: 'aws', region: 'eu-west-1', accessKeyId: 'OTHER' },
      false,
    ],
    [
      'two buckets of one server',
      { endpoint: 'https://nas.example.com:9000' },
      { endpoint: 'https://nas.example.com:9000', bucket: 'other' },
      true,
    ],
    ['two servers', { endpoint: 'https://one.example.com' }, { endpoint: 'https://two.example.com' }, false],
    ['two vendors', { preset: 'wasabi' }, { preset: 'storj' }, false],
  ])('fail together or not: %s', async (_what, one, other, together) => {
    const domains = [await s3.domainOf({ ...keys, ...one }), await s3.domainOf({ ...keys, ...other })];
    expect(domains[0] === domains[1]).toBe(together);
    expect(domains.join()).not.toContain(keys.secretAccessKey);
  });
});

describe('The presets', () => {
  it.each(presets)('make sense: $id', ({ id, endpoint, hosts, region }) => {
    expect(id).toMatch(/^[a-z0-9-]+$/);
    if (endpoint === undefined) return;
    expect(hosts?.test(new URL(endpoint.replace('{region}', 'eu-1')).hostname)).toBe(true);
    expect(endpoint.includes('{region}') || region !== undefined).toBe(true);
  });
});

it('The page for people names every kind of store', async () => {
  const page = await readFile(new URL('../../../../docs/connect-s3.md', import.meta.url), 'utf8');
  expect(presets.filter(({ id }) => !page.includes(`| \`${id}\``))).toEqual([]);
});
