import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Data of Project Wycheproof, unchanged. */
const FILES = ['aes_gcm.json', 'hkdf_sha512.json', 'xchacha20_poly1305.json'];

const holdsVectors = (folder: string): boolean => FILES.every((file) => existsSync(join(folder, file)));

/** The folder with the public vectors: the one that TESSERA_VECTORS names, or a `vectors` in a folder beside the checkout. */
export function vectorsFolder(): string {
  const named = process.env['TESSERA_VECTORS'];
  if (named) {
    if (holdsVectors(named)) return named;
    throw new Error(`TESSERA_VECTORS: ${named} does not hold ${FILES.join(', ')} of Project Wycheproof.`);
  }
  const beside = resolve(import.meta.dirname, '..', '..');
  const found = readdirSync(beside)
    .map((name) => join(beside, name, 'vectors'))
    .find(holdsVectors);
  if (found) return found;
  throw new Error(`The public vectors (${FILES.join(', ')} of Project Wycheproof) are missing: set TESSERA_VECTORS.`);
}
