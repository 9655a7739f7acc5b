import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { namesFromUrl, type Names } from './names.js';

/** The path behind `/api/…/` as the client wrote it: what routing has decoded could not tell `%2F` from `/`. */
export const TreePath = createParamDecorator((_: unknown, context: ExecutionContext): Names => {
  const { originalUrl } = context.switchToHttp().getRequest<Request>();
  const address = originalUrl.split('?', 1)[0] as string;
  return namesFromUrl(/^\/api\/[^/]+\/?(.*)$/s.exec(address)?.[1] ?? '');
});
