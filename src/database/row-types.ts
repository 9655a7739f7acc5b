import pg from 'pg';

const INT8 = 20;
const INT8_ARRAY = 1016;
const textArray = pg.types.getTypeParser(1009 as never) as unknown as (text: string) => (string | null)[];

/** Tells pg how to read int8: as a number where a number can hold it. */
export const rowTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
    if (oid === INT8) return safeInteger;
    if (oid === INT8_ARRAY) return (text) => textArray(text).map((item) => (item === null ? null : safeInteger(item)));
    return pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown;
  },
};

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw new RangeError('A bigint of the database does not fit a number; cast it to text.');
  return value;
}
