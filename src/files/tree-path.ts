import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { NotFound } from './errors.js';
import { namesFromUrl, type Names } from './names.js';

/** The path behind `/api/…/` as the client wrote it: what routing has decoded could not tell `%2F` from `/`. */
export const TreePath = createParamDecorator((_: unknown, context: ExecutionContext): Names =>
  namesOfTarget(context.switchToHttp().getRequest<Request>().originalUrl),
);

/**
 * Of a request's target, which may be a whole address (RFC 9112, 3.2.2). What is no address of ours names nothing: it must
 * never be taken for the top folder. An address is cut, not parsed: parsing would resolve `..`, which is refused.
 */
export function namesOfTarget(target: string): Names {
  const path = /^(?:https?:\/\/[^/?#]*)?\/api\/[^/?#]+(?:\/([^?]*))?(?:\?|$)/is.exec(target);
  if (path === null) throw new NotFound();
  return namesFromUrl(path[1] ?? '');
}
