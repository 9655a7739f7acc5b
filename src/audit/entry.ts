import { Fault } from '#contracts';

/** Who acted on no account at all is filed here. */
export const NOBODY = '00000000-0000-0000-0000-000000000000';

export type Detail =
  string | number | boolean | null | readonly Detail[] | { readonly [name: string]: Detail | undefined };
export type Details = { readonly [name: string]: Detail | undefined };

/** What is told to the record. */
export interface AuditEntry {
  /** Who acted; absent for somebody who is not signed in, and for the gateway itself. */
  readonly actor?: string | null;
  /** Whose account it touches. */
  readonly account?: string | null;
  /** Words with dots between them, from the general to the special: `sign-in.refused`. */
  readonly action: string;
  /** What was acted on: an id, or a short name. */
  readonly subject?: string | null;
  /** Ids, counts, names of fields. Never a secret: a name that sounds like one is refused. */
  readonly details?: Details;
}

/** The entry as it lies in the inbox. */
export interface WrittenEntry {
  readonly actor: string | null;
  readonly account: string;
  readonly action: string;
  readonly subject: string | null;
  readonly details: string;
}

/** A caller's mistake, found before anything is written. */
export class UnfitEntry extends Fault {}

const ACTION = /^[a-z]+([-_][a-z]+)*(\.[a-z]+([-_][a-z]+)*)*$/;
const SOUNDS_SECRET = /pass(word|phrase)|secret|token|credential|cookie|authorization|private/i;
const MOST_DETAILS = 8192;
const DEEPEST = 4;

export function written(entry: AuditEntry): WrittenEntry {
  if (!ACTION.test(entry.action) || entry.action.length > 100)
    throw new UnfitEntry('An action is words with dots between them.');
  const details = canonical(entry.details ?? {}, 0);
  if (Buffer.byteLength(details) > MOST_DETAILS) throw new UnfitEntry('The details of an entry are too long.');
  return {
    actor: entry.actor ?? null,
    account: entry.account ?? NOBODY,
    action: entry.action,
    subject: entry.subject == null ? null : oneLine(entry.subject),
    details,
  };
}

/** One text for one value: names sorted by code unit, no spaces, escapes as JSON.stringify makes them. */
function canonical(value: Detail, depth: number): string {
  if (depth > DEEPEST) throw new UnfitEntry('The details of an entry are nested too deeply.');
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new UnfitEntry('A number in the record is a whole one.');
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: Detail) => canonical(item, depth + 1)).join(',')}]`;
  const fields = Object.entries(value as Details).filter(([, field]) => field !== undefined);
  return `{${fields
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${fieldName(name)}:${canonical(field!, depth + 1)}`)
    .join(',')}}`;
}

function fieldName(name: string): string {
  if (SOUNDS_SECRET.test(name)) throw new UnfitEntry(`«${name}» sounds like a secret, and the record keeps none.`);
  return JSON.stringify(name);
}

/** Nothing in a subject starts a new line in anybody's log viewer, or turns its text around. */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
    .slice(0, 300);
}
