import { Injectable } from '@nestjs/common';
import { BriefCache } from './brief-cache.js';

/** All that this process remembers about who may do what, so that a revocation forgets all of it at once. */
@Injectable()
export class Remembered {
  readonly #caches: { clear(): void }[] = [];

  cache<V>(): BriefCache<V> {
    const cache = new BriefCache<V>();
    this.#caches.push(cache);
    return cache;
  }

  /** To be called after the commit of whatever takes away a right. Revocations are rare, so that nothing is picked out. */
  forget(): void {
    for (const cache of this.#caches) cache.clear();
  }
}
