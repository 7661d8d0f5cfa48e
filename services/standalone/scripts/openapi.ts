import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SERVICES } from '@provider-access/events';
import { type RefusalKind, REFUSALS } from '@provider-access/kernel';
import { FHIR_TYPE as FHIR, JSON_TYPE } from '@provider-access/service/http';
import { type Json, ref, TAGS } from '@provider-access/service/operation';
import type { Content, Operation } from './openapi/operation.ts';
import { OPS } from './openapi/ops.ts';
import { controllersOf, described, type Route, routesOf, sandboxRoutesOf } from './openapi/routes.ts';
import { inputSchema, SCHEMAS } from './openapi/schemas.ts';

/** The OpenAPI 3.1 document of the HTTP API. Run: `npm run openapi -w @provider-access/standalone`. */
export const FILE = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));
const VERSION = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
  .version;

/** Of the routes whose controllers have no descriptors yet. */
const OPERATIONS: Readonly<Record<string, Operation>> = OPS;

/** Beyond the refusals of the operation itself. */
const OF_CALLERS = {
  app: ['invalid-token', 'insufficient-scope', 'too-many-requests', 'unavailable'],
  role: ['invalid-token', 'unavailable'],
  anybody: [],
} as const satisfies Record<string, readonly RefusalKind[]>;
const kindOfCallers = ({ callers }: Route): keyof typeof OF_CALLERS => (typeof callers === 'string' ? callers : 'role');

/** All operations, in the order of the document. */
export async function operations(from: 'src' | 'dist'): Promise<readonly (readonly [Route, Operation])[]> {
  const controllers = [...(await controllersOf(from)).values()].flat();
  const undescribed = [...routesOf(controllers), ...(await sandboxRoutesOf(from))];
  const unknown = Object.keys(OPERATIONS).filter((name) => !undescribed.some((route) => route.name === name));
  if (unknown.length > 0) throw new Error(`Nothing answers the route ${unknown.join(', ')}`);
  const all = undescribed.map((route) => {
    const operation = OPERATIONS[route.name];
    if (operation === undefined) throw new Error(`services/standalone/scripts/openapi does not describe ${route.name}`);
    return [route, operation] as const;
  });
  return inOrder([...all, ...described(controllers)]);
}

export async function document(from: 'src' | 'dist'): Promise<Json> {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [route, operation] of await operations(from))
    (paths[route.path] ??= {})[route.method] = describe(route, operation);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Provider Access',
      version: VERSION,
      description:
        'The Provider Access API of CMS-0057-F. Generated from the controllers and schemas of the services. The ' +
        'operations below `/fhir` follow FHIR R4, Bulk Data Access and Da Vinci PDex.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This server' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        app: { type: 'http', scheme: 'bearer', description: 'An access token of an app: `POST /auth/token`.' },
        payer: { type: 'http', scheme: 'bearer', description: "The token of the payer's systems." },
        administrator: { type: 'http', scheme: 'bearer', description: 'The token of operators and reviewers.' },
        registration: { type: 'http', scheme: 'bearer', description: 'The `registration_access_token` of an app.' },
      },
      schemas: SCHEMAS,
    },
  };
}

/**
 * In the order of the published document, which is that of a reader's work. A new operation comes behind the others of
 * its tag.
 */
function inOrder(all: readonly (readonly [Route, Operation])[]): readonly (readonly [Route, Operation])[] {
  type Published = Readonly<Record<string, Readonly<Record<string, { readonly tags: readonly string[] }>>>>;
  const { paths } = JSON.parse(readFileSync(FILE, 'utf8')) as { readonly paths: Published };
  const published = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { tags }]) => ({ name: `${method.toUpperCase()} ${path}`, tag: tags[0] })),
  );
  const placeOf = ([{ name }, { tag }]: readonly [Route, Operation]): number => {
    const at = published.findIndex((one) => one.name === name);
    return at >= 0 ? at : published.findLastIndex((one) => one.tag === tag) + 0.5;
  };
  return all.toSorted((a, b) => placeOf(a) - placeOf(b));
}

function describe(route: Route, operation: Operation): Json {
  const { answer, also = {}, refusals } = operation;
  const status = answer.status ?? route.status ?? 200;
  const security = securityOf(route);
  return {
    tags: [operation.tag],
    operationId: route.name
      .replaceAll(/[^A-Za-z]+/g, '-')
      .toLowerCase()
      .replaceAll(/^-|-$/g, ''),
    summary: operation.summary,
    ...(operation.description !== undefined && { description: operation.description }),
    security,
    ...parameters(route, operation),
    ...body(route, operation),
    responses: {
      [status]: {
        description: answer.description,
        ...(answer.headers !== undefined && {
          headers: Object.fromEntries(
            Object.entries(answer.headers).map(([name, description]) => [
              name,
              { description, schema: { type: 'string' } },
            ]),
          ),
        }),
        ...(answer.type !== undefined && {
          content: {
            [answer.type]: {
              schema: answer.schema === undefined ? {} : schemaOf({ schema: answer.schema }),
              ...(answer.example !== undefined && { example: answer.example }),
            },
          },
        }),
      },
      ...Object.fromEntries(Object.entries(also).map(([code, description]) => [code, { description }])),
      ...refused(route, [...new Set([...refusals, ...OF_CALLERS[kindOfCallers(route)], 'internal' as const])]),
    },
  };
}

function securityOf({ callers, security }: Route): readonly Json[] {
  if (security !== undefined) return security.map((scheme) => ({ [scheme]: [] }));
  if (callers === 'app') return [{ app: [] }];
  if (callers !== 'anybody') return callers.map((role) => ({ [role]: [] }));
  return [];
}

function parameters(route: Route, { parameters: texts = {}, query = [], headers = [] }: Operation): Json {
  const textOf = (name: string): string => {
    const text = texts[name];
    if (text === undefined) throw new Error(`${route.name}: the parameter ${name} has no description`);
    return text;
  };
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: textOf(name!),
    schema: name === 'service' ? { enum: SERVICES } : { type: 'string' },
  }));
  const read = route.query.map(({ name, schema }) => ({
    name,
    in: 'query',
    required: schema !== undefined && !schema.safeParse(undefined).success,
    description: textOf(name),
    schema: schema === undefined ? { type: 'string' } : inputSchema(schema),
  }));
  const more = [
    ...query.map((one) => ({ in: 'query', schema: { type: 'string' }, ...one })),
    ...headers.map((one) => ({ in: 'header', schema: { type: 'string' }, ...one })),
  ];
  const all = [...inPath, ...read, ...more];
  return all.length === 0 ? {} : { parameters: all };
}

function body(route: Route, operation: Operation): Json {
  if (route.body.length > 0) {
    const schema = {
      type: 'object',
      required: route.body.map(({ name }) => name),
      properties: Object.fromEntries(route.body.map((field) => [field.name, inputSchema(field.schema)])),
    };
    return { requestBody: { required: true, content: { [JSON_TYPE]: { schema } } } };
  }
  if (operation.body === undefined) return {};
  const content = Object.entries(operation.body.content).map(([type, one]) => [
    type,
    { schema: schemaOf(one), ...(one.example !== undefined && { example: one.example }) },
  ]);
  return { requestBody: { required: operation.body.required ?? false, content: Object.fromEntries(content) } };
}

function schemaOf({ schema, fields = {} }: Content): Json {
  const made = 'safeParse' in schema ? inputSchema(schema as Parameters<typeof inputSchema>[0]) : (schema as Json);
  const properties = made['properties'] as Readonly<Record<string, Json>> | undefined;
  if (properties === undefined) return made;
  const described = Object.entries(properties).map(([name, property]) => {
    const field = fields[name];
    return [name, typeof field === 'string' ? { ...property, description: field } : (field ?? property)];
  });
  return { ...made, properties: Object.fromEntries(described) };
}

/** An answer for each status, with the refusals that have it. */
function refused({ path }: Route, kinds: readonly RefusalKind[]): Json {
  const [type, schema, code] = path.startsWith('/fhir')
    ? ([FHIR, 'OperationOutcome', 'issue'] as const)
    : path.startsWith('/auth')
      ? ([JSON_TYPE, 'OAuthError', 'oauth'] as const)
      : ([JSON_TYPE, 'Problem', undefined] as const);
  const statuses = [...new Set(kinds.map((kind) => REFUSALS[kind].status))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const codes = kinds
        .filter((kind) => REFUSALS[kind].status === status)
        .map((kind) => `\`${code === undefined ? kind : REFUSALS[kind][code]}\``);
      return [status, { description: [...new Set(codes)].join(', '), content: { [type]: { schema: ref(schema) } } }];
    }),
  );
}

export const textOf = (made: Json): string => `${JSON.stringify(made, undefined, 2)}\n`;

if (import.meta.main) writeFileSync(FILE, textOf(await document('dist')));
