import { DriveRefusal } from './answering.js';
import type { Item, Items } from './items.js';

type Test = (item: Item, items: Items) => boolean;

const value = String.raw`'((?:[^'\\]|\\['\\])*)'`;

const terms: readonly (readonly [RegExp, (...found: string[]) => Test])[] = [
  [
    new RegExp(`^${value} in parents$`),
    (parent = '') =>
      (item, items) =>
        item.parent === (parent === 'root' ? items.root : parent),
  ],
  [/^trashed ?= ?(true|false)$/, (wanted) => (item, items) => items.trashed(item) === (wanted === 'true')],
  // Blind to case, as on the server.
  [
    new RegExp(`^name ?= ?${value}$`),
    (name = '') =>
      (item) =>
        item.name.toLowerCase() === name.toLowerCase(),
  ],
  [new RegExp(`^mimeType ?= ?${value}$`), (type) => (item) => item.mimeType === type],
  [new RegExp(`^mimeType ?!= ?${value}$`), (type) => (item) => item.mimeType !== type],
  [
    new RegExp(`^appProperties has \\{ ?key ?= ?${value} and value ?= ?${value} ?\\}$`),
    (key = '', wanted = '') =>
      (item) =>
        item.appProperties[key] === wanted,
  ],
];

/** The part of Drive's search language that we use: terms joined by `and`. Anything else is refused. */
export function readQuery(text: string): Test {
  const tests = split(text).map((term) => {
    for (const [pattern, make] of terms) {
      const found = pattern.exec(term);
      if (found) return make(...found.slice(1).map((word) => word.replaceAll(/\\(['\\])/g, '$1')));
    }
    throw new DriveRefusal(400, 'invalid', 'Invalid Value');
  });
  return (item, items) => tests.every((test) => test(item, items));
}

/** At each ` and ` that stands neither in quotes nor in braces. */
function split(text: string): string[] {
  const parts = text.split(/('(?:[^'\\]|\\.)*'|\{[^}]*\}| and )/);
  const found = [''];
  for (const part of parts) {
    if (part === ' and ') found.push('');
    else found[found.length - 1] += part;
  }
  return found.map((term) => term.trim());
}
