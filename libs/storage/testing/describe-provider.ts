import { describe, it } from 'vitest';
import type { StorageProvider } from '../provider.js';
import { contractCases, type ContractScale } from './contract/index.js';

/** A provider whose folder is made and empty, and what takes away all trace of it. */
export interface ContractPlace {
  readonly provider: StorageProvider;
  readonly dispose?: () => Promise<void>;
}

/** Holds a provider, or a wrapper around one, to every promise of `StorageProvider`. Each promise gets a place of its own. */
export function describeProvider(
  name: string,
  make: () => Promise<ContractPlace>,
  scale: ContractScale = { listed: 2500 },
): void {
  describe(`${name} keeps the contract of a provider`, () => {
    it.each(contractCases)('$name', async ({ run }) => {
      const { provider, dispose } = await make();
      try {
        await run(provider, scale);
      } finally {
        await provider.close();
        await dispose?.();
      }
    });
  });
}
