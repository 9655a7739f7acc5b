import { isIP } from 'node:net';
import { z } from 'zod';
import { Secret } from './secret.js';

/** The kinds of setting. Their messages complete «NAME …» and never repeat what was given: it may be a secret in the wrong place. */

export const text = (max = 1024) => z.string().max(max, `must be at most ${max} characters long`);

export const secret = (min = 1) =>
  z
    .string()
    .min(min, `must be at least ${min} characters long`)
    .max(4096, 'must be at most 4096 characters long')
    .transform((value) => new Secret(value));

export const wholeNumber = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .pipe(z.number().min(min, message).max(max, message));
};

const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

export const byteCount = (min: number, max: number) => {
  const message = `must be a number of bytes from ${inUnits(min)} to ${inUnits(max)}, such as 8388608 or 8MiB`;
  return z
    .string()
    .regex(/^\d{1,15}(KiB|MiB|GiB)?$/, message)
    .transform((value) => parseInt(value, 10) * UNITS[value.replace(/^\d+/, '')]!)
    .pipe(z.number().min(min, message).max(max, message));
};

export function inUnits(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes > 0 && bytes % UNITS[unit]! === 0) return `${bytes / UNITS[unit]!} ${unit}`;
  }
  return `${bytes}`;
}

export const serverUrl = (protocols: readonly string[]) => {
  const message = `must be an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return z
    .string()
    .refine((value) => protocols.includes(parsed(value)?.protocol ?? ''), message)
    .transform((value) => new Secret(value));
};

/** Scheme, host and port, without a trailing slash. */
export const origin = () =>
  z
    .string()
    .refine((value) => isOrigin(value), 'must be an origin such as https://tessera.example.org, without a path')
    .transform((value) => new URL(value).origin);

/** An origin that is reached over TLS, or that is this machine. */
export const safeOrigin = () =>
  origin().refine((value) => value.startsWith('https:') || isLoopback(new URL(value).hostname), {
    message: 'may use plain http on loopback only',
  });

export const hostList = () =>
  z
    .string()
    .transform((value) => list(value))
    .refine((hosts) => hosts.every(isHostOrRange), 'must be host names, addresses or CIDR ranges, comma separated')
    .transform((hosts): readonly string[] => hosts);

/** How many proxies stand before the gateway, or their addresses: what Express calls «trust proxy». */
export const proxies = () =>
  z
    .string()
    .refine(
      (value) => /^\d{1,2}$/.test(value) || list(value).every(isAddressRange),
      'must be a number of proxies, or their addresses and CIDR ranges, comma separated',
    )
    .transform((value): number | readonly string[] => (/^\d+$/.test(value) ? Number(value) : list(value)));

export const email = () =>
  z
    .string()
    .max(254, 'must be at most 254 characters long')
    .regex(/^[^\s@]+@[^\s@]+$/, 'must be an e-mail address');

function list(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function parsed(value: string): URL | null {
  return URL.canParse(value) ? new URL(value) : null;
}

function isOrigin(value: string): boolean {
  const url = parsed(value);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return false;
  return url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function isHostOrRange(item: string): boolean {
  return isAddressRange(item) || /^[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*\.?$/i.test(item);
}

function isAddressRange(item: string): boolean {
  const [address = '', bits, ...rest] = item.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** An hour of the day, or null for `never`. */
export const hour = () =>
  z.string().transform((text, context) => {
    if (text === 'never') return null;
    if (/^\d{1,2}$/.test(text) && Number(text) < 24) return Number(text);
    context.issues.push({ code: 'custom', message: 'must be an hour from 0 to 23, or never', input: text });
    return z.NEVER;
  });
