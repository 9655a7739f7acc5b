import { PassThrough } from 'node:stream';
import type { Request, Response } from 'express';
import { describe, expect, it } from 'vitest';
import { readJson } from './json-body.js';

function sent(body: string | Buffer, headers: Record<string, string> = {}, expectsContinue = false) {
  const continued: boolean[] = [];
  const stream = new PassThrough();
  const request = Object.assign(stream, {
    headers: { 'content-type': 'application/json', ...headers },
    expectsContinue,
  });
  const response = { writeContinue: () => continued.push(true) };
  stream.end(body);
  return { continued, answer: readJson(request as unknown as Request, response as unknown as Response) };
}

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('a JSON body', () => {
  it.each<[string, string, unknown]>([
    ['an object', '{"a":[1,"x",null]}', { a: [1, 'x', null] }],
    ['brackets in a string', JSON.stringify({ a: '['.repeat(100) + '\\"{' }), { a: '['.repeat(100) + '\\"{' }],
    ['thirty-two levels', nested(32), JSON.parse(nested(32))],
    ['a byte order mark', '\ufeff{"a":1}', { a: 1 }],
  ])('is read: %s', async (_, body, value) => {
    expect(await sent(body).answer).toEqual(value);
  });

  it.each<[string, string | Buffer, Record<string, string>, string]>([
    ['of another type', '{}', { 'content-type': 'text/plain' }, 'BodyUnreadable'],
    ['of a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }, 'BodyUnreadable'],
    ['of no type', '{}', { 'content-type': '' }, 'BodyUnreadable'],
    ['of another charset', '{}', { 'content-type': 'application/json; charset=utf-16' }, 'BodyUnreadable'],
    ['packed', '{}', { 'content-encoding': 'gzip' }, 'BodyUnreadable'],
    ['empty', '', {}, 'BodyUnreadable'],
    ['broken', '{"a":', {}, 'BodyUnreadable'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 'BodyUnreadable'],
    ['thirty-three levels deep', nested(33), {}, 'BodyUnreadable'],
    ['100,000 levels deep', nested(100_000), {}, 'BodyUnreadable'],
    ['deep in objects', '{"a":'.repeat(33) + '1' + '}'.repeat(33), {}, 'BodyUnreadable'],
    ['announced as too long', '{}', { 'content-length': '1048577' }, 'BodyTooLarge'],
    ['too long', `"${'x'.repeat(1024 * 1024)}"`, {}, 'BodyTooLarge'],
    ['with __proto__', '{"a":{"__proto__":{"admin":true}}}', {}, 'BodyUnreadable'],
    ['with constructor', '{"constructor":{"prototype":{"admin":true}}}', {}, 'BodyUnreadable'],
    ['with an escaped __proto__', '{"\\u005f_proto__":1}', {}, 'BodyUnreadable'],
  ])('is refused: %s', async (_, body, headers, name) => {
    await expect(sent(body, headers).answer).rejects.toMatchObject({ name });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('is looked through in one pass, whatever it is made of', async () => {
    const began = performance.now();
    await sent(`"${'\\"'.repeat(500_000)}`).answer.catch(() => {});
    await sent('"'.repeat(1_000_000)).answer.catch(() => {});
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('is asked for where the client waits, and only when it will be read', async () => {
    const waiting = sent('{}', {}, true);
    await waiting.answer;
    const refused = sent('{}', { 'content-type': 'text/plain' }, true);
    await refused.answer.catch(() => {});
    expect([waiting.continued, refused.continued]).toEqual([[true], []]);
  });
});
