import 'reflect-metadata';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Descriptor, operationsOf, viewsController } from '@provider-access/service/operation';
import { SmartGuard } from '@provider-access/smart';
import type { z } from 'zod';
import type { Operation } from './operation.ts';
import type * as SandboxModule from '../../src/sandbox.ts';

/** Nest's own numbers of request methods and of parameters (`@nestjs/common`). */
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'ALL', 'OPTIONS', 'HEAD'] as const;
const QUERY = '4';
const BODY = '3';

export interface Route {
  /** `GET /auth/register/{client}` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** Who may call it: nobody has to prove anything, an app with an access token, or one of the roles. */
  readonly callers: 'anybody' | 'app' | readonly string[];
  readonly query: readonly { readonly name: string; readonly schema: z.ZodType | undefined }[];
  /** Fields of the body that a schema reads one by one. */
  readonly body: readonly { readonly name: string; readonly schema: z.ZodType }[];
  readonly status: number | undefined;
  /** Security schemes, where the handler checks who calls. */
  readonly security?: readonly string[] | undefined;
}

/** The routes of descriptors, with what they say for the document. */
export const described = (controllers: readonly Class[]): readonly (readonly [Route, Operation])[] =>
  operationsOf(controllers).map((descriptor) => [routeOf(descriptor), operationOf(descriptor)]);

function routeOf({ route, callers, security, fields = {}, body }: Descriptor): Route {
  const [method, path] = route.split(' ') as [string, string];
  const listed = (all: NonNullable<Descriptor['fields']>) =>
    Object.entries(all).map(([name, { schema }]) => ({ name, schema }));
  return {
    name: route,
    method: method.toLowerCase(),
    path,
    callers,
    security,
    query: listed(fields),
    body: listed(body?.fields ?? {}),
    status: undefined,
  };
}
function operationOf({ parameters, fields = {}, query, body, ...rest }: Descriptor): Operation {
  const ofFields = Object.entries(fields).map(([name, { description = '' }]) => [name, description]);
  return {
    ...rest,
    parameters: { ...parameters, ...Object.fromEntries(ofFields) },
    ...(query !== undefined && { query: query.parameters }),
    ...(body?.content !== undefined && { body: { required: body.required ?? false, content: body.content } }),
  };
}

type Class = (new (...args: never[]) => unknown) & { readonly name: string };

/** Serves files. */
const LEFT_OUT = new Set(['DocsController']);
/** The name of handlers that only explain what to call instead. */
const EXPLAINS = 'refuse';

/** The controllers of each service, from their sources (in vitest) or from what was built. */
export async function controllersOf(from: 'src' | 'dist'): Promise<ReadonlyMap<string, readonly Class[]>> {
  const services = join(import.meta.dirname, '../../..');
  // From the names of sources, because an older build may have left other files.
  const sources = globSync('*/src/**/*.controller.ts', { cwd: services }).sort();
  const built = (file: string): string => file.replace('/src/', '/dist/').replace(/ts$/, 'js');
  const found = new Map<string, Class[]>([['{service}', [viewsController('{service}') as Class]]]);
  for (const file of from === 'src' ? sources : sources.map(built)) {
    const module = (await import(pathToFileURL(join(services, file)).href)) as Record<string, unknown>;
    const service = file.split('/')[0]!;
    found.set(service, [...(found.get(service) ?? []), ...Object.values(module).filter(isController)]);
  }
  return found;
}
const isController = (value: unknown): value is Class =>
  typeof value === 'function' && Reflect.hasMetadata('path', value) && !LEFT_OUT.has(value.name);

/** The routes that the decorators of the controllers declare. */
export function routesOf(controllers: readonly Class[]): Route[] {
  const routes = controllers.flatMap((controller) =>
    Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
      const handler = (controller.prototype as Record<string, unknown>)[name];
      // A name with a space belongs to a route that a descriptor made.
      return name !== EXPLAINS &&
        !name.includes(' ') &&
        typeof handler === 'function' &&
        Reflect.hasMetadata('method', handler)
        ? ofHandler(controller, name, handler)
        : [];
    }),
  );
  return routes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Thrown in place of an answer, with the roles that the route asks for. */
class Asked extends Error {
  readonly roles: readonly string[];
  constructor(roles: readonly string[]) {
    super();
    this.roles = roles;
  }
}

/** The routes of a sandbox, which no controller has, because the process itself answers them. */
export async function sandboxRoutesOf(from: 'src' | 'dist'): Promise<Route[]> {
  const file = from === 'src' ? '../../src/sandbox.ts' : '../../dist/sandbox.js';
  const { sandboxRoutes } = (await import(new URL(file, import.meta.url).href)) as typeof SandboxModule;
  const tokens = {
    require(_request: unknown, roles: readonly string[]): never {
      throw new Asked(roles);
    },
  };
  const routes = sandboxRoutes(tokens as unknown as Parameters<typeof sandboxRoutes>[0], {
    state: () => undefined,
    reset: () => undefined,
  });
  return Promise.all(
    Object.entries(routes).map(async ([key, handler]) => {
      const name = key.startsWith('/') ? `GET ${key}` : key;
      const [method, path] = name.split(' ') as [string, string];
      const asked = await handler({} as never, {} as never).catch((error: unknown) => error);
      if (!(asked instanceof Asked)) throw new Error(`${name} answers without a token`);
      return { name, method: method.toLowerCase(), path, callers: asked.roles, query: [], body: [], status: undefined };
    }),
  );
}

function ofHandler(controller: Class, property: string, handler: object): Route[] {
  const prefix = Reflect.getMetadata('path', controller) as string;
  const paths = [Reflect.getMetadata('path', handler) as string | string[]].flat();
  const method = METHODS[Reflect.getMetadata('method', handler) as number]!;
  const guards = [controller, handler].flatMap(
    (at) => (Reflect.getMetadata('__guards__', at) as (object | undefined)[] | undefined) ?? [],
  );
  const given = (Reflect.getMetadata('__routeArguments__', controller, property) ?? {}) as Record<
    string,
    { readonly data?: string; readonly pipes: readonly { readonly schema?: z.ZodType }[] }
  >;
  const of = (kind: string) =>
    Object.entries(given).flatMap(([key, { data, pipes }]) =>
      key.startsWith(`${kind}:`) && data !== undefined ? [{ name: data, schema: pipes[0]?.schema }] : [],
    );
  const rest = {
    callers: callersOf(guards),
    query: of(QUERY).reverse(),
    body: of(BODY).flatMap(({ name, schema }) => (schema === undefined ? [] : [{ name, schema }])),
    status: Reflect.getMetadata('__httpCode__', handler) as number | undefined,
  };
  // HEAD answers as GET does, without the body.
  const methods = method === 'ALL' ? ['GET', 'POST'] : method === 'HEAD' ? [] : [method];
  return methods.flatMap((verb) =>
    paths.map((path) => {
      const full = `/${[prefix, path]
        .map((part) => part.replaceAll(/^\/+|\/+$/g, ''))
        .filter((part) => part !== '')
        .join('/')}`.replaceAll(/:(\w+)/g, '{$1}');
      return { name: `${verb} ${full}`, method: verb.toLowerCase(), path: full, ...rest };
    }),
  );
}

function callersOf(guards: readonly (object | undefined)[]): Route['callers'] {
  for (const guard of guards) {
    if (guard === SmartGuard) return 'app';
    const { roles } = guard as { readonly roles?: readonly string[] };
    if (roles !== undefined) return roles;
  }
  return 'anybody';
}
