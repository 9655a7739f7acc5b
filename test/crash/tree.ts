import { createHash } from 'node:crypto';
import type { Client } from '../support/client.js';

export const FOLDER = 'folder';

/** What an account sees: each path with the hash of the bytes that are read there, or that it is a folder. */
export type Tree = Map<string, string>;

interface Entry {
  readonly type: 'file' | 'folder';
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Reads everything, every byte, as a client does. What cannot be read whole, or is not what its record says, is told instead. */
export async function readTree(client: Client, folder = ''): Promise<Tree> {
  const tree: Tree = new Map();
  const listing = await client.tree(folder);
  if (listing.status !== 200) throw new Error(`Listing «${folder}» was answered ${listing.status}.`);
  const { items, nextCursor } = listing.json<{ items: Entry[]; nextCursor?: string }>();
  if (nextCursor !== undefined) throw new Error('The tree is larger than these tests want it to be.');
  for (const entry of items) {
    if (entry.type === 'file') tree.set(entry.path, await readFile(client, entry));
    else {
      tree.set(entry.path, FOLDER);
      for (const [path, what] of await readTree(client, entry.path)) tree.set(path, what);
    }
  }
  return tree;
}

async function readFile(client: Client, { path, size, sha256 }: Entry): Promise<string> {
  const { status, whole, body } = await client.get(path);
  if (status !== 200 || !whole) return `answered ${status}${whole ? '' : ', broken off'}`;
  const digest = createHash('sha256').update(body).digest('hex');
  return digest === sha256 && body.length === size ? digest : 'other bytes than its record says';
}

/** The first difference, or null. */
export function difference(tree: Tree, wanted: Tree): string | null {
  for (const [path, what] of wanted) {
    const found = tree.get(path);
    if (found !== what) return `«${path}» should be ${what}, and is ${found ?? 'not there'}`;
  }
  for (const path of tree.keys()) if (!wanted.has(path)) return `«${path}» should not be there`;
  return null;
}
