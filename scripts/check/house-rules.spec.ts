import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
// @ts-expect-error It runs as it is, without a compiler.
import { findViolations as find } from './house-rules.mjs';
// @ts-expect-error Likewise.
import { readSources as read } from './source-graph.mjs';

const violations = (root: string): string[] =>
  (find as (sources: unknown) => string[])((read as (root: string) => unknown)(root));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tessera-house-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

type House = Readonly<Record<string, string>>;
const build = async (house: House) => {
  const imports = {
    '#crypto': { source: './libs/crypto/index.ts' },
    '#storage': { source: './libs/storage/index.ts' },
  };
  const files = { 'package.json': JSON.stringify({ imports }), ...house };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
};

/** A small house in which all is well: each planted wrong replaces a piece of it. */
const SOUND: House = {
  'libs/crypto/index.ts': `export { seal } from './seal.js';`,
  'libs/crypto/seal.ts': `export const seal = () => 1;`,
  'libs/storage/index.ts': `export const put = () => 2;`,
  'src/config/index.ts': `export { Config } from './config.js';`,
  'src/config/config.ts': `export class Config {} export interface Free {}`,
  'src/files/index.ts': `export { Tree } from './tree.js';`,
  'src/files/tree.ts': `import { Config } from '../config/index.js'; import { seal } from '#crypto'; export class Tree extends Config { x = seal(); }`,
  'src/files/tree.store.ts': `const q = 'SELECT 1 FROM files';`,
  'src/main.ts': `import { Tree } from './files/index.js'; import { put } from '#storage'; put(); new Tree();`,
};

test('a sound house has nothing to complain about', async () => {
  await build(SOUND);
  expect(violations(root)).toEqual([]);
});

const planted: [string, House, string][] = [
  [
    'a room that knows a later one',
    { 'src/config/config.ts': `import type { Tree } from '../files/index.js'; export class Config { tree?: Tree }` },
    'src/config/config.ts imports the later room files',
  ],
  [
    'a room that knows a later one by a type in passing',
    { 'src/config/config.ts': `export class Config { tree?: import('../files/index.js').Tree }` },
    'src/config/config.ts imports the later room files',
  ],
  [
    'a room that is entered by the window',
    { 'src/files/tree.ts': `import { Config } from '../config/config.js'; export class Tree extends Config {}` },
    'src/files/tree.ts imports src/config/config.ts instead of src/config/index.ts',
  ],
  [
    'a room without a place',
    { 'src/attic/box.ts': `const box = 1;` },
    'src/attic/box.ts lies in a room that has no place in the order',
  ],
  [
    'storage that can name a key',
    { 'libs/storage/index.ts': `import { seal } from '#crypto'; export const put = seal;` },
    'libs/storage/index.ts imports the library crypto',
  ],
  [
    'a library’s insides, from another',
    { 'libs/storage/index.ts': `export { seal as put } from '../crypto/seal.js';` },
    'libs/storage/index.ts imports libs/crypto/seal.ts, an inside of crypto',
  ],
  [
    'a library’s insides, from a room',
    {
      'src/files/tree.ts': `import { Config } from '../config/index.js'; import { seal } from '../../libs/crypto/seal.js'; export class Tree extends Config { x = seal(); }`,
    },
    'src/files/tree.ts imports libs/crypto/seal.ts, an inside of crypto',
  ],
  [
    'a library that knows the gateway',
    { 'libs/crypto/seal.ts': `import { Config } from '../../src/config/index.js'; export const seal = () => Config;` },
    'libs/crypto/seal.ts imports src/config/index.ts, from outside the libraries',
  ],
  [
    'a library that knows the framework',
    { 'libs/crypto/seal.ts': `import '@nestjs/common'; export const seal = () => 1;` },
    'libs/crypto/seal.ts imports @nestjs/common',
  ],
  [
    'a key that knows the network',
    { 'libs/crypto/seal.ts': `import 'node:https'; export const seal = () => 1;` },
    'libs/crypto/seal.ts imports node:https',
  ],
  [
    'a cycle, also one of types',
    {
      'libs/crypto/seal.ts': `import type { A } from './a.js'; export const seal = (): A => 1;`,
      'libs/crypto/a.ts': `import type { seal } from './seal.js'; export type A = ReturnType<typeof seal> | 1;`,
    },
    'a cycle: libs/crypto/seal.ts → libs/crypto/a.ts → libs/crypto/seal.ts',
  ],
  [
    'SQL outside a store',
    { 'src/main.ts': `${SOUND['src/main.ts']!} const q = (id: string) => \`DELETE FROM files WHERE id = \${id}\`;` },
    'src/main.ts holds SQL, which belongs into a *.store.ts',
  ],
  [
    'an export that nobody imports',
    { 'libs/crypto/seal.ts': `export const seal = () => 1; export const spare = 2;` },
    'libs/crypto/seal.ts exports spare, which nobody imports',
  ],
  [
    'a name that says nothing',
    {
      'src/main.ts': `${SOUND['src/main.ts']!} import { TreeManager } from './files/index.js'; new TreeManager();`,
      'src/files/index.ts': `export { Tree, Tree as TreeManager } from './tree.js';`,
    },
    'src/files/index.ts exports TreeManager, a name that says nothing',
  ],
];

test.each(planted)('finds %s', async (_name, house, violation) => {
  await build({ ...SOUND, ...house });
  expect(violations(root)).toContain(violation);
});
