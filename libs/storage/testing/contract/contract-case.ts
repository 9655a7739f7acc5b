import type { StorageProvider } from '../../provider.js';

export interface ContractScale {
  /** Blobs to list: more than a page holds. */
  readonly listed: number;
}

/** One promise of `StorageProvider`. `run` gets a provider whose folder is there and empty, and throws where the promise is broken. */
export interface ContractCase {
  readonly name: string;
  run(provider: StorageProvider, scale: ContractScale): Promise<void>;
}
