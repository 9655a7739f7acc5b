import type { Request } from 'express';
import { readCookie } from './cookie.js';

export type Credentials =
  | { readonly via: 'bearer' | 'cookie'; readonly token: string }
  | { readonly via: 'basic'; readonly email: string; readonly password: string }
  | { readonly via: 'unknown' };

const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const BASIC = /^basic +([A-Za-z0-9+/]+=*)$/i;

/** What the request carries. An Authorization header counts alone, even a bad one: the cookie does not step in for it. */
export function readCredentials(request: Request, cookie: string): Credentials | null {
  const header = request.headers.authorization;
  if (header === undefined) {
    const token = readCookie(request, cookie);
    return token === undefined || token === '' ? null : { via: 'cookie', token };
  }
  const token = BEARER.exec(header)?.[1];
  if (token !== undefined) return { via: 'bearer', token };
  return readBasic(header) ?? { via: 'unknown' };
}

/** RFC 7617 with UTF-8: everything before the first colon is the name. Neither part holds control characters. */
function readBasic(header: string): Credentials | null {
  const encoded = BASIC.exec(header)?.[1];
  if (encoded === undefined) return null;
  const [, email, password] = /^([^:\p{Cc}]*):(\P{Cc}*)$/u.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  return email === undefined || password === undefined ? null : { via: 'basic', email, password };
}
