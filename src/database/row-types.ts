import pg from 'pg';
import { RowUnreadable } from './faults.js';

const INT8 = 20;
const INT8_ARRAY = 1016;
const TIMESTAMPTZ = 1184;
const textArray = pg.types.getTypeParser(1009 as never) as unknown as (text: string) => (string | null)[];

const parseMoment = pg.types.getTypeParser(TIMESTAMPTZ) as (text: string) => Date | number;

/** Tells pg how to read int8 and timestamptz: as a number or a Date where those can hold them. */
export const rowTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
    if (oid === INT8) return safeInteger;
    if (oid === INT8_ARRAY) return (text) => textArray(text).map((item) => (item === null ? null : safeInteger(item)));
    if (oid === TIMESTAMPTZ) return moment;
    return pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown;
  },
};

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RowUnreadable('a bigint');
  return value;
}

/** Neither infinity nor a year that no Date can be. */
function moment(text: string): Date {
  const value = parseMoment(text);
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw new RowUnreadable('a moment');
  return value;
}
