import type { IncomingMessage } from 'node:http';

/** What goes back; what lies in the way of it is the server's business. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Inquiry {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export function json(status: number, value: object): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=UTF-8' },
    body: Buffer.from(JSON.stringify(value)),
  };
}

export function html(status: number, text: string): Reply {
  const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' };
  return { status, headers, body: Buffer.from(text) };
}

export function nothing(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: Buffer.alloc(0) };
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** An error of the Drive API, in its envelope. */
export class DriveRefusal extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    readonly domain = 'global',
  ) {
    super(message);
  }

  get reply(): Reply {
    return json(this.status, driveError(this.status, this.reason, this.message, this.domain));
  }
}

export function driveError(status: number, reason: string, message = reason, domain = 'global'): object {
  return { error: { code: status, message, errors: [{ message, domain, reason }] } };
}

/** What Drive says when it is asked too often. */
export function slowDown(reason = 'userRateLimitExceeded', status = 403): object {
  return driveError(status, reason, 'User Rate Limit Exceeded', 'usageLimits');
}
