import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  BACKUP_HEADER_LENGTH,
  deriveRootKeys,
  FRAME_LENGTH,
  openBackup,
  readBackupHeader,
  ready,
  type RootEpoch,
  sealBackup,
  SealBroken,
  SecretKey,
} from './index.js';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const TAG = 16;
let root: RootEpoch;
beforeAll(async () => {
  await ready;
  root = { epoch: 3, keys: deriveRootKeys(SecretKey.random()) };
});

async function gather(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** In pieces of a size that fits nothing. */
function* pieces(bytes: Buffer, size = 10_007): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const later = async function* (bytes: Buffer, size?: number) {
  yield* pieces(bytes, size);
};
const seal = (plain: Buffer) => gather(sealBackup(root, ID, pieces(plain)));
const open = (sealed: Buffer, keys = root.keys) => gather(openBackup(keys, later(sealed)));

describe('a sealed backup', () => {
  it.each([0, 1, FRAME_LENGTH - 1, FRAME_LENGTH, FRAME_LENGTH + 1, 2 * FRAME_LENGTH, 300_000])(
    'of %i bytes opens to the same',
    async (length) => {
      const plain = randomBytes(length);
      const sealed = await seal(plain);
      const frames = Math.max(1, Math.ceil(length / FRAME_LENGTH));
      expect(sealed.length).toBe(BACKUP_HEADER_LENGTH + length + frames * TAG);
      expect((await open(sealed)).equals(plain)).toBe(true);
    },
  );

  it('says whose it is before it is opened, and nothing else', async () => {
    const sealed = await seal(Buffer.from('a name'));
    expect(readBackupHeader(sealed)).toEqual({ id: ID, epoch: 3, fingerprint: root.keys.fingerprint });
    expect(readBackupHeader(randomBytes(1000))).toBeUndefined();
    expect(sealed.includes('a name')).toBe(false);
  });

  it('is another one each time', async () => {
    const [one, other] = [await seal(Buffer.alloc(100)), await seal(Buffer.alloc(100))];
    expect(one.subarray(BACKUP_HEADER_LENGTH).equals(other.subarray(BACKUP_HEADER_LENGTH))).toBe(false);
  });

  it('does not open under another root key', async () => {
    await expect(open(await seal(Buffer.alloc(10)), deriveRootKeys(SecretKey.random()))).rejects.toThrow(SealBroken);
  });

  it('whose head was changed anywhere does not open', async () => {
    const sealed = await seal(Buffer.alloc(10));
    for (let at = 0; at < BACKUP_HEADER_LENGTH; at++) {
      sealed[at]! ^= 0x40;
      await expect(open(sealed)).rejects.toThrow(SealBroken);
      sealed[at]! ^= 0x40;
    }
    expect((await open(sealed)).length).toBe(10);
  });

  it.each([
    ['cut by a byte', (sealed: Buffer) => sealed.subarray(0, -1)],
    ['cut by its last frame', (sealed: Buffer) => sealed.subarray(0, BACKUP_HEADER_LENGTH + 2 * (FRAME_LENGTH + TAG))],
    ['cut to its head', (sealed: Buffer) => sealed.subarray(0, BACKUP_HEADER_LENGTH)],
    ['cut in its head', (sealed: Buffer) => sealed.subarray(0, 100)],
    ['longer by a byte', (sealed: Buffer) => Buffer.concat([sealed, Buffer.of(0)])],
    ['longer by a frame of its own', (sealed: Buffer) => Buffer.concat([sealed, frame(sealed, 1)])],
    [
      'with two frames swapped',
      (sealed: Buffer) => Buffer.concat([head(sealed), frame(sealed, 1), frame(sealed, 0), rest(sealed)]),
    ],
    ['without its first frame', (sealed: Buffer) => Buffer.concat([head(sealed), frame(sealed, 1), rest(sealed)])],
  ])('%s does not open', async (_what, change) => {
    const sealed = await seal(randomBytes(2 * FRAME_LENGTH + 500));
    await expect(open(change(sealed))).rejects.toThrow(SealBroken);
  });

  it('with the frames of another one does not open', async () => {
    const [one, other] = [await seal(Buffer.alloc(10)), await seal(Buffer.alloc(10))];
    await expect(open(Buffer.concat([head(one), other.subarray(BACKUP_HEADER_LENGTH)]))).rejects.toThrow(SealBroken);
  });
});

const sealedFrame = FRAME_LENGTH + TAG;
const head = (sealed: Buffer) => sealed.subarray(0, BACKUP_HEADER_LENGTH);
const frame = (sealed: Buffer, nth: number) =>
  sealed.subarray(BACKUP_HEADER_LENGTH + nth * sealedFrame, BACKUP_HEADER_LENGTH + (nth + 1) * sealedFrame);
const rest = (sealed: Buffer) => sealed.subarray(BACKUP_HEADER_LENGTH + 2 * sealedFrame);
