import { Injectable, type OnModuleInit, RequestMethod } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { z } from 'zod';
import { ACCESS, type AccessRule } from './access.js';
import { BODY, DESCRIPTION, type Description, PARAMS, QUERY } from './describe.js';
import { UndeclaredRoute } from './faults.js';

/** Nest writes these two names, and exports them only from its insides. */
const PATH = 'path';
const METHOD = 'method';

export interface Route {
  readonly method: string;
  /** As Express matches it: `/api/admin/users/:id`, `/api/content/*path`. */
  readonly path: string;
  readonly handler: string;
  readonly access: AccessRule;
  readonly description: Description | undefined;
  readonly body: z.ZodType | undefined;
  readonly query: z.ZodType | undefined;
  readonly params: z.ZodType | undefined;
}

/** Every route of every controller. Made at the start, which it stops when one does not say who may call it. */
@Injectable()
export class RouteTable implements OnModuleInit {
  #routes: readonly Route[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  get routes(): readonly Route[] {
    return this.#routes;
  }

  onModuleInit(): void {
    const found = this.discovery
      .getControllers()
      .flatMap(({ metatype }) => this.#routesOf(metatype as ControllerClass));
    const undeclared = found.filter((route) => route.access === undefined);
    if (undeclared.length > 0) throw new UndeclaredRoute(undeclared.map(({ method, path }) => `${method} ${path}`));
    this.#routes = found.map((route) => ({ ...route, access: route.access! }));
  }

  /** The methods that the address takes; none when there is no such address. */
  methodsFor(address: string): string[] {
    const methods = this.#routes.filter((route) => matcher(route.path).test(address)).map((route) => route.method);
    return [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))];
  }

  #routesOf(controller: ControllerClass): (Omit<Route, 'access'> & { access: AccessRule | undefined })[] {
    const prototype = controller.prototype as Record<string, () => unknown>;
    return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
      const handler = prototype[name]!;
      const path = Reflect.getMetadata(PATH, handler) as string | string[] | undefined;
      if (path === undefined) return [];
      const method = RequestMethod[Reflect.getMetadata(METHOD, handler) as RequestMethod];
      return addresses(controller, path).map((address) => ({
        method,
        path: address,
        handler: `${controller.name}.${name}`,
        access: Reflect.getMetadata(ACCESS, handler) as AccessRule | undefined,
        description: Reflect.getMetadata(DESCRIPTION, handler) as Description | undefined,
        body: Reflect.getMetadata(BODY, prototype, name) as z.ZodType | undefined,
        query: Reflect.getMetadata(QUERY, prototype, name) as z.ZodType | undefined,
        params: Reflect.getMetadata(PARAMS, prototype, name) as z.ZodType | undefined,
      }));
    });
  }
}

type ControllerClass = (new (...parts: never[]) => object) & { readonly name: string };

function addresses(controller: ControllerClass, path: string | string[]): string[] {
  const prefixes = [Reflect.getMetadata(PATH, controller) as string | string[]].flat();
  return prefixes.flatMap((prefix) => [path].flat().map((part) => joined(prefix, part)));
}

function joined(prefix: string, part: string): string {
  return `/${[prefix, part].join('/')}`.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
}

/** Enough of Express' patterns for those that the gateway uses: `:name`, `*name`, `{…}` for what may be missing. */
function matcher(path: string): RegExp {
  const source = path
    .replace(/[.+?^$()|[\]\\]/g, '\\$&')
    .replaceAll('{', '(?:')
    .replaceAll('}', ')?')
    .replace(/:\w+/g, '[^/]+')
    .replace(/\*\w+/g, '.+');
  return new RegExp(`^${source}/?$`);
}
