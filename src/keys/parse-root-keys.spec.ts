import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseRootKeys } from './root-key-file.js';

const [one, two] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];

describe('a root key file', () => {
  it.each([
    ['a bare key is epoch 1', one, [1]],
    ['a line for each epoch', `1 ${one}\n2 ${two}\n`, [1, 2]],
    ['in any order, with gaps', `7 ${one}\n3 ${two}`, [7, 3]],
    ['with comments, blank lines and the line ends of Windows', `# ours\r\n\r\n1 ${one}\r\n`, [1]],
    ['without the padding', `1 ${one.replace(/=+$/, '')}`, [1]],
  ])('is read: %s', (_, text, epochs) => {
    const keys = parseRootKeys(text);
    expect([...keys.keys()]).toEqual(epochs);
    for (const key of keys.values()) expect(key.bytes()).toHaveLength(32);
  });

  it.each([
    ['nothing in it', ''],
    ['comments only', '# none\n'],
    ['a short key', `1 ${randomBytes(31).toString('base64')}`],
    ['a long key', `1 ${randomBytes(33).toString('base64')}`],
    ['no Base64', `1 ${'*'.repeat(44)}`],
    ['an epoch of nought', `0 ${one}`],
    ['a negative epoch', `-1 ${one}`],
    ['half an epoch', `1.5 ${one}`],
    ['an epoch in words', `one ${one}`],
    ['a word too many', `1 ${one} x`],
    ['an epoch twice', `1 ${one}\n1 ${two}`],
  ])('is refused in one line that holds no key: %s', (_, text) => {
    let message = '';
    try {
      parseRootKeys(text);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/^TESSERA_ROOT_KEY_FILE: [^\n]+$/);
    expect(message).not.toContain(one);
  });
});
