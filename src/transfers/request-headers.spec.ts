import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HeaderRefused } from './errors.js';
import { uploadHeaders } from './request-headers.js';

const digest = createHash('sha256').update('x').digest();
const encoded = digest.toString('base64');

describe('the headers of an upload', () => {
  it('say nothing when there are none: an untyped body of no bytes, from now', () => {
    expect(uploadHeaders({})).toEqual({
      length: 0,
      contentType: 'application/octet-stream',
      modifiedAt: undefined,
      sha256: undefined,
      wanted: {},
    });
  });

  it.each<[string, Record<string, string>, object]>([
    ['a length', { 'content-length': '12' }, { length: 12 }],
    ['no length', { 'transfer-encoding': 'chunked' }, { length: undefined }],
    ['a type', { 'content-type': ' text/plain ' }, { contentType: 'text/plain' }],
    ['an empty type', { 'content-type': '' }, { contentType: 'application/octet-stream' }],
    ['a time', { 'x-oc-mtime': '1.5' }, { modifiedAt: new Date(1500) }],
    ['a time before 1970', { 'x-oc-mtime': '-1' }, { modifiedAt: new Date(-1000) }],
    ['a digest', { 'repr-digest': `sha-256=:${encoded}:` }, { sha256: digest }],
    ['a digest in capitals', { 'repr-digest': `SHA-256=:${encoded}:` }, { sha256: digest }],
    ['a digest among others', { 'repr-digest': `md5=:x:,  sha-256=:${encoded}: , sha-512=:x:` }, { sha256: digest }],
    ['another digest', { 'repr-digest': 'sha-512=:x:' }, { sha256: undefined }],
    ['conditions', { 'if-match': '"a", "b"', 'if-none-match': '*' }, { wanted: { match: ['a', 'b'], noneMatch: '*' } }],
  ])('with %s', (_, headers, expected) => {
    expect(uploadHeaders(headers)).toMatchObject(expected);
  });

  it.each<[string, Record<string, string>]>([
    ['an encoded body', { 'content-encoding': 'gzip' }],
    ['a part', { 'content-range': 'bytes 0-1/2' }],
    ['a length that is none', { 'content-length': '1.5' }],
    ['a length beyond numbers', { 'content-length': '99999999999999999999' }],
    ['a length below nothing', { 'content-length': '-1' }],
    ['too long a type', { 'content-type': 'x'.repeat(256) }],
    ['a time that is none', { 'x-oc-mtime': 'now' }],
    ['a time in the year 10000', { 'x-oc-mtime': '253402300800' }],
    ['a time before the year 1', { 'x-oc-mtime': '-62135596801' }],
    ['a digest that is none', { 'repr-digest': 'sha-256=:x:' }],
    ['a digest of another length', { 'repr-digest': `sha-256=:${digest.subarray(1).toString('base64')}:` }],
  ])('with %s are refused', (_, headers) => {
    expect(() => uploadHeaders(headers)).toThrow(HeaderRefused);
  });
});
