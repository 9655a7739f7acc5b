import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ProviderDescription } from './description.js';

/** Every kind of storage there is: each folder beside this file is one, and its `index` exports the description. */
export const providers: readonly ProviderDescription[] = await Promise.all(foldersHere().map(descriptionIn));

export function findProvider(id: string): ProviderDescription | undefined {
  return providers.find((provider) => provider.id === id);
}

function foldersHere(): string[] {
  const found = readdirSync(import.meta.dirname, { withFileTypes: true });
  return found.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).toSorted();
}

async function descriptionIn(folder: string): Promise<ProviderDescription> {
  // As source while testing, compiled otherwise: like this file.
  const index = join(import.meta.dirname, folder, `index${extname(import.meta.filename)}`);
  const exported = (await import(/* @vite-ignore */ pathToFileURL(index).href)) as Record<string, unknown>;
  const description = Object.values(exported).find((value) => isDescriptionOf(folder, value));
  if (!description) throw new Error(`The folder ${folder} exports no description of a provider with its name as id.`);
  return description as ProviderDescription;
}

function isDescriptionOf(id: string, value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'id' in value && 'open' in value && value.id === id;
}
