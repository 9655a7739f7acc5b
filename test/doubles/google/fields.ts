import { DriveRefusal } from './answering.js';

/** What a mask such as `nextPageToken,files(id,name),user/me` asks for; null is everything. */
export type Mask = ReadonlyMap<string, Mask> | null;

export function readMask(text: string): Mask {
  let at = 0;
  const wrong = (): DriveRefusal => new DriveRefusal(400, 'invalidParameter', `Invalid field selection ${text}`);
  const list = (): Mask => {
    const found = new Map<string, Mask>();
    let everything = false;
    for (;;) {
      const name = /^[\w*]+/.exec(text.slice(at))?.[0];
      if (name === undefined) throw wrong();
      at += name.length;
      let below: Mask = null;
      if (text[at] === '/') {
        at += 1;
        below = list();
        if (name === '*') everything = true;
        else found.set(name, below);
        return everything ? null : found;
      }
      if (text[at] === '(') {
        at += 1;
        below = list();
        if (text[at] !== ')') throw wrong();
        at += 1;
      }
      if (name === '*') everything = true;
      else found.set(name, below);
      if (text[at] !== ',') return everything ? null : found;
      at += 1;
    }
  };
  const mask = list();
  if (at !== text.length) throw wrong();
  return mask;
}

/** Fields that nobody has are refused, as Drive does, so that a slip in a mask is noticed. */
export function masked(value: unknown, mask: Mask, known: readonly string[] | null = null): unknown {
  if (mask === null || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => masked(item, mask, known));
  for (const name of mask.keys()) {
    if (known !== null && !known.includes(name))
      throw new DriveRefusal(400, 'invalidParameter', `Invalid field selection ${name}`);
  }
  const told = Object.entries(value).filter(([name]) => mask.has(name));
  return Object.fromEntries(told.map(([name, below]) => [name, masked(below, mask.get(name) ?? null)]));
}
