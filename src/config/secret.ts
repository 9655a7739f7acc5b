import { inspect } from 'node:util';

const HIDDEN = '[secret]';

/** A value that refuses to be printed: in a log, in JSON, in a template, in an inspected object. Only `reveal()` tells it. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
    Object.freeze(this);
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
