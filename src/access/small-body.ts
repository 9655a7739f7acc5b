import type { Request, Response } from 'express';
import { BodyTooLarge, BodyTooSlow, BodyUnreadable } from './faults.js';

const MOST_BYTES = 1024 * 1024;
const PATIENCE_MS = 30_000;

/**
 * Reads a body that is small enough to be held whole, once the caller was let in and somebody wants it: until then nothing
 * of it is read, nor asked for where the client waits. Throws BodyUnreadable, BodyTooLarge, BodyTooSlow.
 */
export async function readSmallBody(request: Request, response: Response): Promise<Buffer> {
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new BodyUnreadable('A body in a Content-Encoding is not unpacked here.');
  }
  if (Number(request.headers['content-length'] ?? 0) > MOST_BYTES) throw new BodyTooLarge(MOST_BYTES);
  if (request.expectsContinue === true) response.writeContinue();
  return collected(request);
}

function collected(request: Request): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const pieces: Buffer[] = [];
  let length = 0;
  const timer = setTimeout(() => reject(new BodyTooSlow()), PATIENCE_MS);
  const take = (piece: Buffer) => {
    length += piece.length;
    if (length > MOST_BYTES) reject(new BodyTooLarge(MOST_BYTES));
    else pieces.push(piece);
  };
  const end = () => resolve(Buffer.concat(pieces));
  const fail = () => reject(new BodyUnreadable('The body broke off.'));
  request.on('data', take).once('end', end).once('error', fail).once('close', fail);
  return promise.finally(() => {
    clearTimeout(timer);
    request.off('data', take).off('end', end).off('close', fail).pause();
  });
}
