import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SettingRefused } from '../errors.js';
import { newFolderName } from '../folder-name.js';
import { probe } from '../probe.js';
import { readSettings } from './description.js';
import { findProvider, providers } from './index.js';

describe('The providers', () => {
  it('are all that have a folder', async () => {
    const found = await readdir(import.meta.dirname, { withFileTypes: true });
    const folders = found.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    expect(providers.map(({ id }) => id).sort()).toEqual(folders.sort());
  });

  it.each(providers)('describe what a connect form needs: $id', ({ id, title, summary, fields, help, traits }) => {
    expect(id).toMatch(/^[a-z0-9-]+$/);
    for (const words of [title, summary, help]) expect(words.length).toBeGreaterThan(5);
    expect(new Set(fields.map(({ name }) => name)).size).toBe(fields.length);
    for (const field of fields) expect(field.secret).toBe(field.kind === 'password');
    expect(traits.largestBlob).toBeGreaterThan(64 * 1024 * 1024);
  });

  it('are found by their id', () => {
    expect(findProvider('local')?.title).toBe('Local vault');
    expect(findProvider('floppy')).toBeUndefined();
    expect(findProvider('__proto__')).toBeUndefined();
  });

  it('open what the form says', async () => {
    const local = findProvider('local')!;
    const path = await mkdtemp(join(tmpdir(), 'vault-'));
    const settings = readSettings(local.fields, { path });
    const provider = await local.open({ settings, folder: newFolderName(), instance: 'one' });
    expect(await probe(provider)).toMatchObject({ ok: true });
    expect(await readdir(path)).toEqual([]);
    expect(await local.domainOf(settings)).toMatch(/^disk:/);
    await rm(path, { recursive: true });
  });
});

describe('What somebody types into a connect form', () => {
  const fields = [
    { name: 'path', label: 'Folder', kind: 'path', required: true, secret: false, help: '' },
    { name: 'prefix', label: 'Prefix', kind: 'text', required: false, secret: false, help: '' },
  ] as const;

  it('is taken when it fits', () => {
    expect(readSettings(fields, { path: '/a', prefix: '' })).toEqual({ path: '/a' });
  });

  it.each([
    [{}, 'path', 'missing'],
    [{ path: '' }, 'path', 'missing'],
    [{ path: 7 }, 'path', 'text'],
    [{ path: ['/a'] }, 'path', 'text'],
    [{ path: '/a\0b' }, 'path', 'text'],
    [{ path: 'x'.repeat(5000) }, 'path', 'text'],
    [{ path: '/a', colour: 'red' }, 'colour', 'no such field'],
  ])('is refused with the field named: %j', (typed, field, words) => {
    const refusal = (() => {
      try {
        return readSettings(fields, typed);
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(SettingRefused);
    expect(refusal).toMatchObject({ field, message: expect.stringContaining(words) });
  });
});
