import type { Request, Response } from 'express';

/** What is thrown away of a body that nobody wants: enough for a sender to look up and see the answer. */
const MOST_BYTES = 8 * 1024 * 1024;
const PATIENCE_MS = 5000;

/** Whether the client is still sending, or about to. */
export function bodyIsUnread(request: Request): boolean {
  if (request.complete || request.destroyed) return false;
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
}

/**
 * Answers a request whose body will not be read. Closing a connection on bytes in flight resets it, and the reset may
 * overtake the answer; so the whole answer goes out first, then a bounded part of the body is thrown away, and only then
 * does the connection close. To be called after the headers are set and before they are sent.
 */
export function refuseBody(request: Request, response: Response, answer: Buffer): void {
  response.setHeader('Connection', 'close');
  response.setHeader('Content-Length', answer.length);
  // Nothing is in flight yet, and now nothing will be.
  if (request.expectsContinue === true) return void response.end(request.method === 'HEAD' ? undefined : answer);
  if (request.method === 'HEAD') response.flushHeaders();
  else response.write(answer);
  let thrownAway = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, PATIENCE_MS);
  request.on('data', (piece: Buffer) => {
    thrownAway += piece.length;
    if (thrownAway > MOST_BYTES) resolve();
  });
  for (const event of ['end', 'close', 'error'] as const) request.once(event, () => resolve());
  request.resume();
  void promise.then(() => {
    clearTimeout(timer);
    response.end();
  });
}
