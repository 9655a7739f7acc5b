import { describe, expect, it } from 'vitest';
import { PlainQuickXorHash } from '../../../../test/doubles/microsoft/quick-xor-hash.js';
import { someBytes } from '../../testing/index.js';
import { QuickXorHash } from './quick-xor-hash.js';

const MiB = 1024 * 1024;
const counting = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, index) => index % 256));

describe('quickXorHash', () => {
  it.each([
    ['nothing', Buffer.alloc(0), 'AAAAAAAAAAAAAAAAAAAAAAAAAAA='],
    ['hello', Buffer.from('hello'), 'aCgDG9jwBgAAAAAABQAAAAAAAAA='],
    ['1 MiB that counts', counting(MiB), 'QkGEfSisZcA7k+FCh7x72dbCayY='],
    ['5 MiB that count', counting(5 * MiB), 'AAAAAAAAAAAAAAAAAABQAAAAAAA='],
  ])('is right for %s', (_, bytes, hash) => {
    expect(new QuickXorHash().update(bytes).digest()).toBe(hash);
    expect(new PlainQuickXorHash().update(bytes).digest()).toBe(hash);
  });

  it('is the same however the bytes are cut, and wherever they lie in memory', () => {
    const whole = someBytes(300_007);
    const right = new PlainQuickXorHash().update(whole).digest();
    for (const cut of [1, 3, 159, 160, 161, 4096, 65_536, 299_999]) {
      const hash = new QuickXorHash();
      for (let at = 0; at < whole.length; at += cut) {
        const odd = Buffer.alloc(cut + 3).subarray(at % 4);
        const part = whole.subarray(at, at + cut);
        part.copy(odd);
        hash.update(odd.subarray(0, part.length));
      }
      expect(hash.digest(), `pieces of ${cut}`).toBe(right);
    }
  });
});
