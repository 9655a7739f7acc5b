import type { CookieOptions, Request } from 'express';

/** Over TLS the prefix makes browsers refuse the cookie from anybody but this very host, Secure and for the whole of it. */
export function cookieName(publicUrl: string): string {
  return isSecure(publicUrl) ? '__Host-tessera' : 'tessera';
}

export function cookieOptions(publicUrl: string): CookieOptions {
  return { httpOnly: true, sameSite: 'lax', secure: isSecure(publicUrl), path: '/' };
}

export function isSecure(publicUrl: string): boolean {
  return publicUrl.startsWith('https:');
}

/** The first cookie of this name; tokens need no decoding. */
export function readCookie(request: Request, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.split('=', 2);
    if (key?.trim() === name) return value?.trim();
  }
  return undefined;
}
