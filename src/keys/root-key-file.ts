import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { SecretKey } from '#crypto';
import { RootKeyUnusable } from './errors.js';

const KEY_LENGTH = 32;

/** Reads the lines `EPOCH BASE64`; a bare key is epoch 1. Null when there is no such file. */
export async function readRootKeyFile(path: string): Promise<Map<number, SecretKey> | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new RootKeyUnusable(`TESSERA_ROOT_KEY_FILE: cannot be read (${error.code}).`);
  });
  return text === null ? null : parseRootKeys(text);
}

export function parseRootKeys(text: string): Map<number, SecretKey> {
  const keys = new Map<number, SecretKey>();
  const lines = text.split('\n').map((line) => line.trim());
  for (const [index, line] of lines.entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [epoch, key] = parseLine(line, index + 1);
    if (keys.has(epoch)) throw new RootKeyUnusable(`TESSERA_ROOT_KEY_FILE: epoch ${epoch} stands there twice.`);
    keys.set(epoch, key);
  }
  if (keys.size === 0) throw new RootKeyUnusable('TESSERA_ROOT_KEY_FILE: holds no key.');
  return keys;
}

function parseLine(line: string, number: number): [number, SecretKey] {
  const parts = line.split(/\s+/);
  const epoch = parts.length === 1 ? 1 : Number(parts[0]);
  const encoded = parts.at(-1) ?? '';
  const bytes = Buffer.from(encoded, 'base64');
  const exact = bytes.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '');
  if (parts.length > 2 || !Number.isSafeInteger(epoch) || epoch < 1 || !exact || bytes.length !== KEY_LENGTH) {
    throw new RootKeyUnusable(`TESSERA_ROOT_KEY_FILE: line ${number} is not "EPOCH BASE64" with a key of 32 bytes.`);
  }
  return [epoch, SecretKey.from(bytes)];
}

/**
 * Makes a new root key of epoch 1, mode 0600, and flushes it before anything may be sealed under it. The file appears whole
 * or not at all: a start that is killed here leaves nothing in the way of the next one. One that is there already stays.
 */
export async function makeRootKeyFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const unfinished = `${path}.${randomBytes(8).toString('hex')}.unfinished`;
  try {
    await writeFlushed(unfinished, `1 ${randomBytes(KEY_LENGTH).toString('base64')}\n`);
    await link(unfinished, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(unfinished, { force: true });
  }
  await flush(dirname(path));
}

async function writeFlushed(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
