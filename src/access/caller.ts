import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { Identity } from '../accounts/index.js';

/** Who makes this call, and by what they were recognised. */
export interface Caller extends Identity {
  readonly via: 'bearer' | 'cookie' | 'basic';
}

declare global {
  // oxlint-disable-next-line no-namespace -- Express is augmented this way and no other
  namespace Express {
    interface Request {
      caller?: Caller;
      /** The client waits, still, for «100 Continue» before it sends the body. */
      expectsContinue?: boolean;
      /** A browser shows the answer to a person: what goes wrong is told on a page. */
      showsPages?: boolean;
      /** Finds this request in the log. */
      requestId?: string;
    }
  }
}

/** The caller of a route that is not public. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<Request>();
  if (caller === undefined) throw new Error('A public route has no caller.');
  return caller;
});

/** Where the request came from, as far as the proxies that are trusted tell. */
export const ClientAddress = createParamDecorator(
  (_: unknown, context: ExecutionContext): string | undefined => context.switchToHttp().getRequest<Request>().ip,
);
