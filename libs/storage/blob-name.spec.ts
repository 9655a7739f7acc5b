import { describe, expect, it } from 'vitest';
import { isBlobName, newBlobName, requireBlobName } from './blob-name.js';
import { BlobNameRefused } from './errors.js';
import { isFolderName, newFolderName } from './folder-name.js';

describe('A blob name', () => {
  it('is new each time, and uses every letter about as often', () => {
    const names = Array.from({ length: 4000 }, newBlobName);
    expect(new Set(names).size).toBe(4000);
    const counts = new Map<string, number>();
    for (const letter of names.join('')) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    expect(counts.size).toBe(32);
    // 3,250 expected of each; six standard deviations are 337.
    for (const count of counts.values()) expect(Math.abs(count - 3250)).toBeLessThan(337);
  });

  it('is recognised', () => {
    for (let round = 0; round < 100; round += 1) expect(isBlobName(newBlobName())).toBe(true);
  });

  const name = newBlobName();
  it.each([
    '',
    name.slice(1),
    `${name}a`,
    name.toUpperCase(),
    `${name}\n`,
    `${name.slice(1)}1`,
    `../${name.slice(3)}`,
    `${name.slice(2)}/a`,
    null,
    26,
    [name],
  ])('is not %j', (odd) => {
    expect(isBlobName(odd)).toBe(false);
    expect(() => requireBlobName(odd as string)).toThrow(BlobNameRefused);
  });
});

describe('A folder name', () => {
  it('is new each time, and recognised', () => {
    const names = Array.from({ length: 100 }, newFolderName);
    expect(new Set(names).size).toBe(100);
    expect(names.every(isFolderName)).toBe(true);
    expect(isFolderName('..')).toBe(false);
  });
});
