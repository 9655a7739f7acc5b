import { SettingRefused } from '../../errors.js';
import type { Settings } from '../description.js';
import { findPreset, type Preset, presetOfHost, presets } from './presets.js';

/** A bucket, and all that it takes to speak to it. */
export interface Target {
  readonly preset: Preset;
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Empty, or with a closing slash. */
  readonly prefix: string;
  readonly pathStyle: boolean;
}

/** What somebody typed, read once. `admit` judges the address, and throws where it may not be spoken to. */
export function readTarget(settings: Settings, admit: (address: string) => URL): Target {
  const named = readPreset(settings['preset']);
  const address = settings['endpoint'] ?? standardAddress(named, settings['region']);
  const url = admit(/^[a-z]+:\/\//i.test(address) ? address : `https://${address}`);
  const preset = named ?? presetOfHost(url.hostname);
  const bucket = readBucket(settings['bucket'] ?? '');
  return {
    preset,
    endpoint: url.href.replace(/\/+$/, ''),
    region: readRegion(settings['region'] ?? preset.region ?? regionIn(preset, url.hostname) ?? 'us-east-1'),
    bucket,
    accessKeyId: readKey('accessKeyId', settings['accessKeyId'] ?? ''),
    secretAccessKey: readKey('secretAccessKey', settings['secretAccessKey'] ?? ''),
    prefix: readPrefix(settings['prefix'] ?? ''),
    // A dot in a bucket's name makes a host name that no certificate covers.
    pathStyle: preset.pathStyle || bucket.includes('.'),
  };
}

/** Two ways to one bucket are one place, whoever's key opens it; our folders in two prefixes do not meet. */
export function samePlace({ endpoint, bucket, prefix }: Target): string {
  return `${new URL(endpoint).host}/${bucket}/${prefix}`;
}

/** One vendor and one key are lost together in all regions; of other stores, each host stands for itself. */
export function failureDomain({ preset, endpoint, accessKeyId }: Target): string {
  const { hostname, host } = new URL(endpoint);
  return `s3:${preset.hosts?.test(hostname) ? preset.id : host}/${accessKeyId}`;
}

function readPreset(id: string | undefined): Preset | undefined {
  if (id === undefined) return undefined;
  const preset = findPreset(id);
  if (preset) return preset;
  throw new SettingRefused(
    'preset',
    `There is no such kind of store. Known are: ${presets.map((each) => each.id).join(', ')}.`,
  );
}

function standardAddress(preset: Preset | undefined, region = preset?.region): string {
  if (preset?.endpoint === undefined) throw new SettingRefused('endpoint', 'The address of the store is missing.');
  if (!preset.endpoint.includes('{region}')) return preset.endpoint;
  if (region === undefined) throw new SettingRefused('region', `“${preset.title}” needs its region.`);
  return preset.endpoint.replace('{region}', readRegion(region));
}

/** The region that stands in a vendor's host name. */
function regionIn({ endpoint = '' }: Preset, host: string): string | undefined {
  const [before, after] = endpoint.replace('https://', '').split('{region}');
  if (before === undefined || after === undefined || !host.startsWith(before) || !host.endsWith(after))
    return undefined;
  return host.slice(before.length, -after.length) || undefined;
}

function readRegion(region: string): string {
  if (/^[a-z0-9-]{1,64}$/i.test(region)) return region;
  throw new SettingRefused('region', 'A region is a short word such as “eu-central-1”.');
}

/** The names that S3 allows, without those that mean something else to the SDK (ARNs, access points, directory buckets). */
function readBucket(bucket: string): string {
  if (/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket) && !/--[a-z0-9-]+$|\.\.|\.mrap$/i.test(bucket)) return bucket;
  throw new SettingRefused('bucket', 'This is not the name of a bucket: letters, digits, “-” and “.”, no address.');
}

function readKey(field: string, key: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new SettingRefused(field, 'A key has no spaces and no special letters. Was it copied whole?');
}

function readPrefix(prefix: string): string {
  const parts = prefix.split('/').filter((part) => part !== '');
  const plain = parts.every((part) => /^[\w.-]+$/.test(part) && !/^\.+$/.test(part));
  if (!plain || prefix.length > 500) {
    throw new SettingRefused(
      'prefix',
      'A prefix is made of letters, digits, “.”, “_” and “-”, with “/” between folders.',
    );
  }
  return parts.map((part) => `${part}/`).join('');
}
