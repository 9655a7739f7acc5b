import type { StorageProvider } from '../provider.js';

/** Asks before anything is taken away; what is asked throws where it must stay. Every other call goes straight through. */
export function askingBeforeDeletes(provider: StorageProvider, ask: () => Promise<void>): StorageProvider {
  return {
    traits: provider.traits,
    nameBlob: (call) => provider.nameBlob(call),
    put: (name, body, call) => provider.put(name, body, call),
    get: (name, range, call) => provider.get(name, range, call),
    stat: (name, call) => provider.stat(name, call),
    delete: async (name, call) => {
      await ask();
      return provider.delete(name, call);
    },
    list: (cursor, call) => provider.list(cursor, call),
    space: (call) => provider.space(call),
    readMarker: (call) => provider.readMarker(call),
    writeMarker: (marker, call) => provider.writeMarker(marker, call),
    removeFolder: async (call) => {
      await ask();
      return provider.removeFolder(call);
    },
    close: () => provider.close(),
  };
}
