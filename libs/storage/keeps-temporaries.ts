import type { KeepsTemporaries, StorageProvider } from './provider.js';

export function keepsTemporaries(provider: StorageProvider): provider is StorageProvider & KeepsTemporaries {
  return 'temporaryOwners' in provider && 'sweepTemporary' in provider;
}
