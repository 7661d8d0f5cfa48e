import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SERVICES } from '@provider-access/events';
import {
  type AnyRole,
  isPersonRole,
  MEMBER,
  type MemberRole,
  PERSON_ROLES,
  type PersonRole,
  type RefusalKind,
  REFUSALS,
} from '@provider-access/kernel';
import { RELEASE } from '@provider-access/process';
import { FHIR_TYPE as FHIR, JSON_TYPE } from '@provider-access/service/http';
import { type Descriptor, type Json, operationsOf, ref, TAGS } from '@provider-access/service/operation';
import type * as Sandbox from '../src/sandbox.ts';
import { controllersOf } from './openapi/controllers.ts';
import { inputSchema, SCHEMAS } from './openapi/schemas.ts';

/** The OpenAPI 3.1 document of the HTTP API. Run: `npm run openapi -w @provider-access/standalone`. */
export const FILE = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));

/** Beyond the refusals of the operation itself. */
const OF_CALLERS = {
  app: ['invalid-token', 'insufficient-scope', 'too-many-requests', 'unavailable'],
  role: ['invalid-token', 'unavailable'],
  person: ['invalid-token', 'forbidden', 'unavailable'],
  anybody: [],
} as const satisfies Record<string, readonly RefusalKind[]>;
/** Each field can have a wrong value. */
const ofFields = ({ fields, body }: Descriptor): readonly RefusalKind[] =>
  Object.values({ ...fields, ...body?.fields }).map(({ refusal = 'invalid-value' }) => refusal);
const kindOfCallers = ({ callers }: Descriptor): keyof typeof OF_CALLERS =>
  typeof callers === 'string' ? callers : callers.some(isPersonRole) ? 'person' : 'role';

/** The operations of all services and of a sandbox, in the order of the document. */
export async function operations(from: 'src' | 'dist'): Promise<readonly Descriptor[]> {
  const controllers = [...(await controllersOf(from)).values()].flat();
  const file = from === 'src' ? '../src/sandbox.ts' : '../dist/sandbox.js';
  const { SANDBOX_OPERATIONS } = (await import(new URL(file, import.meta.url).href)) as typeof Sandbox;
  return inOrder([...operationsOf(controllers), ...SANDBOX_OPERATIONS]);
}
const splitRoute = ({ route }: Descriptor): { method: string; path: string } => {
  const [method, path] = route.split(' ') as [string, string];
  return { method: method.toLowerCase(), path };
};

export async function document(from: 'src' | 'dist'): Promise<Json> {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of await operations(from)) {
    const { method, path } = splitRoute(operation);
    (paths[path] ??= {})[method] = describe(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Provider Access',
      version: RELEASE.version,
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
        'member-portal': {
          type: 'http',
          scheme: 'bearer',
          description: "The token of the payer's portal for members.",
        },
        administrator: { type: 'http', scheme: 'bearer', description: 'The token of operators and reviewers.' },
        person: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-pa-session',
          description:
            'The session of a person or member with one of the roles (docs/roles.html). Unsafe methods need ' +
            '`X-CSRF-Token` too.',
        },
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
function inOrder(all: readonly Descriptor[]): readonly Descriptor[] {
  type Published = Readonly<Record<string, Readonly<Record<string, { readonly tags: readonly string[] }>>>>;
  const { paths } = JSON.parse(readFileSync(FILE, 'utf8')) as { readonly paths: Published };
  const published = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { tags }]) => ({ route: `${method.toUpperCase()} ${path}`, tag: tags[0] })),
  );
  const placeOf = ({ route, tag }: Descriptor): number => {
    const at = published.findIndex((one) => one.route === route);
    return at >= 0 ? at : published.findLastIndex((one) => one.tag === tag) + 0.5;
  };
  return all.toSorted((a, b) => placeOf(a) - placeOf(b));
}

function describe(operation: Descriptor): Json {
  const { answer, also = {}, refusals = [] } = operation;
  const kinds = [...ofFields(operation), ...refusals, ...OF_CALLERS[kindOfCallers(operation)], 'internal' as const];
  return {
    tags: [operation.tag],
    operationId: operation.route
      .replaceAll(/[^A-Za-z]+/g, '-')
      .toLowerCase()
      .replaceAll(/^-|-$/g, ''),
    summary: operation.summary,
    ...(operation.description !== undefined && { description: operation.description }),
    security: securityOf(operation),
    ...parameters(operation),
    ...body(operation),
    responses: {
      [answer.status ?? 200]: {
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
      ...refused(operation, [...new Set(kinds)]),
    },
  };
}

/** One of the roles is enough, so each of them is a requirement of its own. */
const ofPeople = (roles: readonly (PersonRole | MemberRole)[]): readonly Json[] =>
  roles.map((role) => ({ person: [role] }));
const isInSession = (role: AnyRole): role is PersonRole | MemberRole => isPersonRole(role) || role === MEMBER;

function securityOf({ callers, security }: Descriptor): readonly Json[] {
  if (security !== undefined)
    return security.flatMap((one) => (one === 'person' ? ofPeople([...PERSON_ROLES, MEMBER]) : [{ [one]: [] }]));
  if (callers === 'app') return [{ app: [] }];
  if (callers === 'anybody') return [];
  const people = callers.filter(isInSession);
  const tokens = callers.filter((role) => !isInSession(role));
  return [
    ...[...tokens, ...(people.some(isPersonRole) ? ['administrator'] : [])].map((role) => ({ [role]: [] })),
    ...ofPeople(people),
  ];
}

function parameters(operation: Descriptor): Json {
  const { route, parameters: texts = {}, fields = {}, query, headers = [] } = operation;
  const textOf = (name: string, text: string | undefined): string => {
    if (text === undefined) throw new Error(`${route}: the parameter ${name} has no description`);
    return text;
  };
  const inPath = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: textOf(name!, texts[name!]),
    schema: name === 'service' ? { enum: SERVICES } : { type: 'string' },
  }));
  const read = Object.entries(fields).map(([name, { schema, description }]) => ({
    name,
    in: 'query',
    required: !schema.safeParse(undefined).success,
    description: textOf(name, description),
    schema: inputSchema(schema),
  }));
  const more = [
    ...(query?.parameters ?? []).map((one) => ({ in: 'query', schema: { type: 'string' }, ...one })),
    ...headers.map((one) => ({ in: 'header', schema: { type: 'string' }, ...one })),
  ];
  const all = [...inPath, ...read, ...more];
  return all.length === 0 ? {} : { parameters: all };
}

function body({ body }: Descriptor): Json {
  if (body?.fields !== undefined) {
    const fields = Object.entries(body.fields);
    const schema = {
      type: 'object',
      required: fields.map(([name]) => name),
      properties: Object.fromEntries(fields.map(([name, field]) => [name, inputSchema(field.schema)])),
    };
    return { requestBody: { required: true, content: { [JSON_TYPE]: { schema } } } };
  }
  if (body?.content === undefined) return {};
  const content = Object.entries(body.content).map(([type, one]) => [
    type,
    { schema: schemaOf(one), ...(one.example !== undefined && { example: one.example }) },
  ]);
  return { requestBody: { required: body.required ?? false, content: Object.fromEntries(content) } };
}

type Content = NonNullable<NonNullable<Descriptor['body']>['content']>[string];
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
function refused(operation: Descriptor, kinds: readonly RefusalKind[]): Json {
  const { path } = splitRoute(operation);
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
