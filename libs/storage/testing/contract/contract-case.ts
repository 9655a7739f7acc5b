import type { StorageProvider } from '../../provider.js';

/** One promise of `StorageProvider`. `run` gets a provider whose folder is there and empty, and throws where the promise is broken. */
export interface ContractCase {
  readonly name: string;
  run(provider: StorageProvider): Promise<void>;
}
