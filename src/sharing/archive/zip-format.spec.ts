import { expect, it } from 'vitest';
import { dataDescriptor, directoryRecord, endOfDirectory, localHeader } from './zip-format.js';

const GIB = 1024 ** 3;
const entry = (name: string, size: number) => ({
  name: Buffer.from(name),
  size,
  modifiedAt: new Date('2026-03-04T05:06:08Z'),
});
/** The values of an extra field, by its id. */
function extra(bytes: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readUInt16LE(at + 2)) {
    if (bytes.readUInt16LE(at) === id) return bytes.subarray(at + 4, at + 4 + bytes.readUInt16LE(at + 2));
  }
  return undefined;
}

it('a small file is told of with 32 bits and no Zip64', () => {
  const file = entry('a', 5);
  const local = localHeader(file);
  expect([local.readUInt16LE(4), local.readUInt16LE(6), local.readUInt32LE(14), local.readUInt32LE(18)]).toEqual([
    20, 0x0808, 0, 0,
  ]);
  expect(extra(local.subarray(31), 1)).toBeUndefined();
  expect(dataDescriptor(file, 0xdeadbeef).toString('hex')).toBe('504b0708efbeadde0500000005000000');
  const record = directoryRecord(file, { crc: 0xdeadbeef, offset: 77 });
  expect([record.readUInt32LE(16), record.readUInt32LE(20), record.readUInt32LE(24), record.readUInt32LE(42)]).toEqual([
    0xdeadbeef, 5, 5, 77,
  ]);
  expect(endOfDirectory({ entries: 1, offset: 100, size: 60 }).length).toBe(22);
});

it('a file of 4 GiB and more is told of with Zip64, in each of its records', () => {
  const file = entry('large', 5 * GIB);
  const local = localHeader(file);
  expect([local.readUInt16LE(4), local.readUInt32LE(18), local.readUInt32LE(22)]).toEqual([45, 0xffffffff, 0xffffffff]);
  expect(extra(local.subarray(35), 1)?.length).toBe(16);
  const descriptor = dataDescriptor(file, 1);
  expect([descriptor.readBigUInt64LE(8), descriptor.readBigUInt64LE(16)]).toEqual([BigInt(5 * GIB), BigInt(5 * GIB)]);
  const record = directoryRecord(file, { crc: 1, offset: 6 * GIB });
  expect([record.readUInt32LE(20), record.readUInt32LE(24), record.readUInt32LE(42)]).toEqual([
    0xffffffff, 0xffffffff, 0xffffffff,
  ]);
  const wide = extra(record.subarray(51), 1)!;
  expect([0, 8, 16].map((at) => Number(wide.readBigUInt64LE(at)))).toEqual([5 * GIB, 5 * GIB, 6 * GIB]);
});

it('a small file far behind has its place alone in Zip64', () => {
  const record = directoryRecord(entry('a', 5), { crc: 1, offset: 4 * GIB });
  expect([record.readUInt32LE(20), record.readUInt32LE(42)]).toEqual([5, 0xffffffff]);
  expect(Number(extra(record.subarray(47), 1)!.readBigUInt64LE(0))).toBe(4 * GIB);
});

it.each([
  ['entries', { entries: 70_000, offset: 10, size: 10 }],
  ['a directory far behind', { entries: 1, offset: 5 * GIB, size: 10 }],
])('an end with many %s is told of with Zip64, and led to', (_, end) => {
  const bytes = endOfDirectory(end);
  expect(bytes.length).toBe(56 + 20 + 22);
  expect([bytes.readBigUInt64LE(24), bytes.readBigUInt64LE(40), bytes.readBigUInt64LE(48)].map(Number)).toEqual([
    end.entries,
    end.size,
    end.offset,
  ]);
  expect(Number(bytes.readBigUInt64LE(64))).toBe(end.offset + end.size);
});

it('the time is the one of the file, to the second', () => {
  const local = localHeader(entry('a', 1));
  const day = local.readUInt16LE(12);
  expect([1980 + (day >> 9), (day >> 5) & 15, day & 31]).toEqual([2026, 3, 4]);
  expect(extra(local.subarray(31), 0x5455)!.readInt32LE(1)).toBe(Date.parse('2026-03-04T05:06:08Z') / 1000);
});
