import { describe, expect, it } from 'vitest';
import { HashingBusy } from './faults.js';
import { HashingQueue } from './hashing-queue.js';

describe('the hashing queue', () => {
  it('runs so many at once, lets so many wait, and refuses the rest at once', async () => {
    const queue = new HashingQueue(2, 3);
    let running = 0;
    let most = 0;
    const gate = Promise.withResolvers<void>();
    const work = async () => {
      most = Math.max(most, ++running);
      await gate.promise;
      running -= 1;
    };
    const all = Array.from({ length: 8 }, () => queue.run(work));
    const outcomes = Promise.allSettled(all);
    await expect(all[7]).rejects.toBeInstanceOf(HashingBusy);
    gate.resolve();
    const states = (await outcomes).map(({ status }) => status);
    expect([states.filter((state) => state === 'fulfilled').length, most]).toEqual([5, 2]);
    await expect(queue.run(async () => 'again')).resolves.toBe('again');
  });

  it('passes the turn on after a failure', async () => {
    const queue = new HashingQueue(1, 5);
    const first = queue.run(() => Promise.reject(new Error('broken')));
    const second = queue.run(async () => 'fine');
    await expect(first).rejects.toThrow('broken');
    await expect(second).resolves.toBe('fine');
  });
});
