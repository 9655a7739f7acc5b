import { createParamDecorator, type ExecutionContext, type PipeTransform, SetMetadata } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { FieldError, ProblemType } from '#contracts';
import { NoSuchAddress, NotValid } from './faults.js';
import { readJson } from './json-body.js';

export const DESCRIPTION = 'tessera:description';
export const BODY = 'tessera:body';
export const QUERY = 'tessera:query';
export const PARAMS = 'tessera:params';

/** A body that is no JSON: its media type. */
export interface Raw {
  readonly media: string;
}

/** What the API's own document says of a route, beside who may call it and what it takes. */
export interface Description {
  readonly summary: string;
  /** By status: a schema, a raw body, or null for none. */
  readonly answers: Readonly<Record<number, z.ZodType | Raw | null>>;
  /** A body that the route reads by itself. */
  readonly rawBody?: Raw;
  /** Headers of the request that mean something here, with a word on each. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Problems beyond those that any route may answer. */
  readonly problems?: readonly ProblemType[];
}

export const Describe = (description: Description): MethodDecorator => SetMetadata(DESCRIPTION, description);

/** The JSON body, checked. It is read after the caller was let in. */
export const FromBody = (schema: z.ZodType): ParameterDecorator =>
  taken(BODY, schema, async ({ request, response }) => readJson(request, response));

/** The query, checked. Names that the route does not know are left alone; a name given twice is refused. */
export const FromQuery = (schema: z.ZodType): ParameterDecorator =>
  taken(QUERY, schema, ({ request }) => ({ ...request.query }));

/** The parameters of the route's path. An address that cannot name anything is answered like one that names nothing. */
export const FromPath = (schema: z.ZodType): ParameterDecorator =>
  taken(PARAMS, schema, ({ request }) => {
    if (!schema.safeParse(request.params).success) throw new NoSuchAddress();
    return { ...request.params };
  });

interface Exchange {
  readonly request: Request;
  readonly response: Response;
}

const TheExchange = createParamDecorator((_: unknown, context: ExecutionContext): Exchange => {
  const http = context.switchToHttp();
  return { request: http.getRequest<Request>(), response: http.getResponse<Response>() };
});

function taken(place: string, schema: z.ZodType, take: (exchange: Exchange) => unknown): ParameterDecorator {
  const pipe: PipeTransform = { transform: async (exchange: Exchange) => checked(schema, await take(exchange)) };
  return (target, key, index) => {
    Reflect.defineMetadata(place, schema, target, key!);
    TheExchange(pipe)(target, key, index);
  };
}

/** The value as the schema makes it. Throws NotValid, which names every field that does not fit. */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const unfit = unfitTexts(value, []);
  if (unfit.length > 0) throw new NotValid(unfit);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new NotValid(result.error.issues.slice(0, 20).flatMap(fieldErrors));
}

function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const field = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [{ field, message: issue.message }];
  return issue.keys.slice(0, 20).map((key) => ({
    field: [...issue.path, key].join('.').slice(0, 200),
    message: 'is not a field that this call takes',
  }));
}

/** No text of ours holds NUL or half a character: the database takes neither, and nobody means them. */
function unfitTexts(value: unknown, path: readonly string[]): FieldError[] {
  if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())) {
    return [{ field: path.join('.'), message: 'holds a character that no text has' }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => unfitTexts(inner, [...path, name]));
}
