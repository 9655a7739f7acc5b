/**
 * Cuts a stream of pieces of any sizes into pieces of exactly the given lengths, in order. Where a
 * piece already fits, nothing is copied. Ends when the lengths end; the stream must not end before.
 */
export async function* regroup(pieces: AsyncIterable<Buffer>, lengths: Iterable<number>): AsyncGenerator<Buffer> {
  const source = pieces[Symbol.asyncIterator]();
  let left: Buffer = Buffer.alloc(0);
  try {
    for (const length of lengths) {
      const parts: Buffer[] = [];
      for (let missing = length; missing > 0;) {
        if (left.length === 0) {
          const next = await source.next();
          if (next.done) throw new RangeError('the stream ended before its last piece');
          left = next.value;
        }
        const part = left.subarray(0, missing);
        parts.push(part);
        left = left.subarray(part.length);
        missing -= part.length;
      }
      yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, length);
    }
  } finally {
    await source.return?.();
  }
}
