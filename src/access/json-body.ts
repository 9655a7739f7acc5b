import type { Request, Response } from 'express';
import { BodyUnreadable } from './faults.js';
import { readSmallBody } from './small-body.js';

const DEEPEST = 32;
const JSON_TYPE = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
/** Names by which a parsed object reaches for what all objects share. */
const REACHING = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads the body as JSON, once the caller was let in and the route wants one. Throws BodyUnreadable, BodyTooLarge, BodyTooSlow.
 */
export async function readJson(request: Request, response: Response): Promise<unknown> {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? '')) {
    throw new BodyUnreadable('This call takes JSON: send Content-Type: application/json.');
  }
  const text = decoded(await readSmallBody(request, response));
  refuseDeep(text);
  return refuseReaching(parsed(text));
}

function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new BodyUnreadable('The body is not UTF-8.');
  }
}

function parsed(text: string): unknown {
  if (text.trim() === '') throw new BodyUnreadable('The body is empty; this call takes JSON.');
  try {
    return JSON.parse(text);
  } catch {
    throw new BodyUnreadable('The body is not JSON.');
  }
}

/** Counts brackets outside of strings, in one pass, before anything recursive sees the text. */
function refuseDeep(text: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!;
    if (inString && letter === '\\') at += 1;
    else if (letter === '"') inString = !inString;
    else if (!inString) depth += stepOf(letter);
    if (depth > DEEPEST) throw new BodyUnreadable(`The body is nested more than ${DEEPEST} levels deep.`);
  }
}

function stepOf(letter: string): number {
  if (letter === '[' || letter === '{') return 1;
  return letter === ']' || letter === '}' ? -1 : 0;
}

function refuseReaching(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value) && REACHING.has(name)) throw new BodyUnreadable(`«${name}» is no name for a field.`);
    refuseReaching(inner);
  }
  return value;
}
