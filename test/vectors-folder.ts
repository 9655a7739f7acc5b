import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Public test vectors are not part of this repository: TESSERA_VECTORS names their folder, or it is the vectors folder beside the checkout. */
export function vectorsFolder(): string {
  const named = process.env.TESSERA_VECTORS;
  const folder = named ?? resolve(import.meta.dirname, '../../shared/vectors');
  if (!existsSync(folder))
    throw new Error(`No test vectors in ${folder}: set TESSERA_VECTORS to the folder that holds them.`);
  return folder;
}
