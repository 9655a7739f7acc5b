import { type ArgumentsHost, Catch, type ExceptionFilter, Injectable, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { type Problem, problems } from '#contracts';
import { RouteTable } from '../access/index.js';
import { problemPage } from './pages/problem-page.js';
import { type Answerable, problemOf } from './problem-of.js';
import { bodyIsUnread, refuseBody } from './refuse-body.js';

/** The last hand on everything that is thrown while a request is answered: it leaves as a problem, or not at all. */
@Injectable()
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log = new Logger('HTTP');

  constructor(private readonly table: RouteTable) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<Request>(), http.getResponse<Response>());
  }

  /** For doors that are no controllers, too. */
  answer(error: unknown, request: Request, response: Response): void {
    const found = problemOf(error);
    if (found.defect) this.#tell(error, request);
    if (response.destroyed || response.writableEnded) return;
    // Half an answer cannot be taken back: a broken connection tells the client that it is not whole.
    if (response.headersSent) return void response.destroy();
    this.#send(this.#aboutMethod(found, request, response), request, response);
  }

  /** The framework knows no difference between no such address and no such method there. */
  #aboutMethod(found: Answerable, request: Request, response: Response): Answerable {
    if (found.type !== 'not-found' || request.route !== undefined) return found;
    const methods = this.table.methodsFor(request.path);
    if (methods.length === 0 || methods.includes(request.method)) return found;
    response.setHeader('Allow', [...methods, 'OPTIONS'].join(', '));
    return { ...found, type: 'method-not-allowed', status: problems['method-not-allowed'].status };
  }

  #send(found: Answerable, request: Request, response: Response): void {
    const shown = request.showsPages === true ? problemPage(problems[found.type].title, found.detail) : null;
    const answer = Buffer.from(shown?.html ?? JSON.stringify(asProblem(found, request)));
    for (const name of response.getHeaderNames()) {
      // Only a refused range tells the length that there is.
      if (OF_A_BODY.has(name) && !(name === 'content-range' && found.status === 416)) response.removeHeader(name);
    }
    response.status(found.status);
    response.setHeader('Content-Type', shown ? 'text/html; charset=utf-8' : 'application/problem+json');
    if (shown) response.setHeader('Content-Security-Policy', shown.policy);
    response.setHeader('Cache-Control', 'no-store');
    if (found.status === 401 && !response.hasHeader('WWW-Authenticate')) {
      response.setHeader('WWW-Authenticate', 'Bearer realm="tessera"');
    }
    if (found.retryAfterSeconds !== undefined) response.setHeader('Retry-After', found.retryAfterSeconds);
    if (bodyIsUnread(request)) return refuseBody(request, response, answer);
    response.setHeader('Content-Length', answer.length);
    response.end(request.method === 'HEAD' ? undefined : answer);
  }

  #tell(error: unknown, request: Request): void {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.error(`${request.requestId ?? '-'} ${request.method} ${request.route?.path ?? 'no route'}: ${what}`);
  }
}

/** Headers that a route may have set for the answer that did not come. */
const OF_A_BODY = new Set([
  'content-length',
  'content-disposition',
  'content-range',
  'etag',
  'last-modified',
  'repr-digest',
  'accept-ranges',
]);

function asProblem(found: Answerable, request: Request): Problem {
  return {
    type: found.type,
    title: problems[found.type].title,
    status: found.status,
    ...(found.detail !== undefined && { detail: found.detail }),
    requestId: request.requestId ?? '-',
    ...found.members,
  };
}
