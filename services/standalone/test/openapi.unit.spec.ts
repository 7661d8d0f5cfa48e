import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { PAYER_EVENTS } from '@provider-access/events';
import { operationsOf } from '@provider-access/service/operation';
import { beforeAll, describe, expect, test } from 'vitest';
import { document, FILE, operations, textOf } from '../scripts/openapi.ts';
import { controllersOf } from '../scripts/openapi/controllers.ts';
import { serviceOf } from '../src/route-table.ts';

let made: Awaited<ReturnType<typeof document>>;
beforeAll(async () => {
  made = await document('src');
});
const NAMES = (await operations('src')).map(({ route }) => route);
interface Described {
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security: readonly Readonly<Record<string, unknown>>[];
}
const paths = () => made['paths'] as Readonly<Record<string, Readonly<Record<string, Described>>>>;

describe('docs/openapi.json', () => {
  test('is what the controllers make (after a change: `npm run openapi -w @provider-access/standalone`)', () => {
    expect(readFileSync(FILE, 'utf8')).toBe(textOf(made));
  });

  test('is an OpenAPI 3.1 document by a validator of others', async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(made) as Record<string, unknown>);
    expect(result.errors ?? []).toEqual([]);
    expect({ valid: result.valid, version: validator.version }).toEqual({ valid: true, version: '3.1' });
  });

  test('describes a route of every service and of the sandbox, and each other route belongs to a service', () => {
    const all = Object.keys(paths());
    // The pages for people: no route of the API may take their place.
    expect(all.filter((path) => path.startsWith('/portal'))).toEqual([]);
    const ofSandbox = all.filter((path) => path.startsWith('/ops/sandbox'));
    expect(ofSandbox).toEqual(['/ops/sandbox', '/ops/sandbox/reset']);
    const services = all
      .filter((path) => !ofSandbox.includes(path))
      .map((path) => serviceOf(path.replace('{service}', 'consent')));
    expect(new Set(services)).toEqual(new Set(['auth', 'attribution', 'consent', 'resources', 'export']));
    expect(NAMES.length).toBeGreaterThan(35);
  });

  test('has operations that the dispatcher gives to the service whose controller declares them', async () => {
    const declared = [...(await controllersOf('src'))].flatMap(([service, controllers]) =>
      operationsOf(controllers).map(({ route }) => ({ route: route.replace('{service}', 'consent'), service })),
    );
    const dispatched = declared.map(({ route }) => ({ route, service: serviceOf(route.split(' ')[1]!) }));
    expect(dispatched).toEqual(
      declared.map(({ route, service }) => ({ route, service: service.replace('{service}', 'consent') })),
    );
    expect(declared.length).toBeGreaterThan(15);
  });

  test('has operations of apps that say by which action the audit records wrong requests', async () => {
    // Elsewhere the audit has no entry of a wrong request.
    const all = (await operations('src')).filter(({ callers, route }) => callers === 'app' && route.includes(' /fhir'));
    expect(all.filter(({ audit, refusedAs = audit }) => refusedAs === undefined).map(({ route }) => route)).toEqual([]);
    expect(all.length).toBeGreaterThan(15);
  });

  test('says who may call each route, as its guard does', () => {
    // The roles of people are in roles.int.
    const callers = (name: string): string[] => {
      const [method, path] = name.split(' ') as [string, string];
      const { security } = paths()[path]![method.toLowerCase()]!;
      return security.flatMap((one) => Object.keys(one)).filter((scheme) => scheme !== 'person');
    };
    expect(callers('POST /auth/register')).toEqual([]);
    expect(callers('POST /auth/token')).toEqual([]);
    expect(callers('GET /fhir/{type}/{id}')).toEqual(['app']);
    expect(callers('POST /events')).toEqual(['payer']);
    expect(callers('GET /events/dead-letters')).toEqual(['payer', 'administrator']);
    const ofThePayerToo = ['GET /ops/feeds', 'GET /ops/notices', 'GET /ops/lists'];
    for (const name of ofThePayerToo) expect(callers(name)).toEqual(['payer', 'administrator']);
    for (const name of NAMES) {
      if (ofThePayerToo.includes(name)) continue;
      const path = name.split(' ')[1]!;
      // What a payer's system compares its next full file with, and the import of one.
      if (/^\/ops\/(sources|imports)/.test(path)) {
        expect(callers(name), name).toEqual(['payer', 'administrator']);
        continue;
      }
      if (/^\/(ops|auth\/(clients|signing-keys))/.test(path)) expect(callers(name), name).toEqual(['administrator']);
      if (/^\/fhir\/(Group|bulk|\{type\})/.test(path)) expect(callers(name), name).toEqual(['app']);
    }
  });

  test('takes every example of an event that the contract has', () => {
    const schemas = (made['components'] as { schemas: Record<string, object & { examples?: unknown[] }> }).schemas;
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    for (const type of Object.keys(PAYER_EVENTS)) {
      const { examples, ...schema } = schemas[type]!;
      expect(examples, type).toHaveLength(1);
      expect(ajv.validate(schema, examples![0]), `${type}: ${ajv.errorsText()}`).toBe(true);
    }
  });
});
