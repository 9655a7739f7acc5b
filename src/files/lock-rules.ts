import { nameKey, type Names } from './names.js';

/** A lock as it is held: on a path, whatever lies there, as WebDAV has it. */
export interface HeldLock {
  readonly token: string;
  readonly names: Names;
  /** Holds all that lies below as well. */
  readonly deep: boolean;
  readonly shared: boolean;
  /** What its taker wrote about itself, as XML that stands by itself; empty for nothing. */
  readonly owner: string;
  readonly seconds: number;
}

/** What a write touches: what lies at a path. */
export interface Touch {
  readonly at: Names;
  /** And all below it. */
  readonly deep?: boolean;
  /** The name comes or goes, which touches the folder above as well, but not what else lies in it. */
  readonly member?: boolean;
}

/**
 * What a write touches that makes something at a path, of which some first names are there already: the folders on the way
 * that are missing come as well, the first of them into a folder that is there.
 */
export function touchesOfMaking(names: Names, there: number): Touch[] {
  const first = names.slice(0, Math.min(there + 1, names.length));
  return [
    { at: first, member: true },
    { at: names, deep: true },
  ];
}

/**
 * The locks that forbid a write: those that hold something which it touches, and of which its tokens show none. Of shared
 * locks on one path, the token of any will do.
 */
export function forbidding(
  locks: readonly HeldLock[],
  touches: readonly Touch[],
  tokens: readonly string[],
): HeldLock[] {
  const holding = locks.filter((lock) => touches.some((touch) => holds(lock, touch)));
  const opened = new Set(holding.filter((lock) => tokens.includes(lock.token)).map((lock) => keyOf(lock.names)));
  return holding.filter((lock) => !opened.has(keyOf(lock.names)));
}

/** The locks beside which a new one cannot be taken. */
export function conflicting(
  locks: readonly HeldLock[],
  wanted: Pick<HeldLock, 'names' | 'deep' | 'shared'>,
): HeldLock[] {
  const touch: Touch = { at: wanted.names, deep: wanted.deep };
  return locks.filter((lock) => !(lock.shared && wanted.shared) && holds(lock, touch));
}

/** The locks that hold what lies at a path. */
export function holdingAt(locks: readonly HeldLock[], names: Names): HeldLock[] {
  return locks.filter((lock) => holds(lock, { at: names }));
}

export function isAtOrBelow(lock: HeldLock, names: Names): boolean {
  return begins(keys(lock.names), keys(names));
}

function holds(lock: HeldLock, touch: Touch): boolean {
  const [own, touched] = [keys(lock.names), keys(touch.at)];
  if (own.length === touched.length && begins(own, touched)) return true;
  if (lock.deep && begins(touched, own)) return true;
  if (touch.deep === true && begins(own, touched)) return true;
  return touch.member === true && own.length === touched.length - 1 && begins(touched, own);
}

const keys = (names: Names): string[] => names.map(nameKey);
/** No name holds a slash. */
const keyOf = (names: Names): string => keys(names).join('/');

function begins(path: readonly string[], start: readonly string[]): boolean {
  return start.length <= path.length && start.every((name, nth) => name === path[nth]);
}
