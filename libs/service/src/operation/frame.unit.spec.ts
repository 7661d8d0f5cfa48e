import { AsyncLocalStorage } from 'node:async_hooks';
import Fastify, { type FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, test } from 'vitest';
import { readGranted } from '@provider-access/domain/smart';
import { Refusal, unknownResource } from '@provider-access/kernel';
import { z } from 'zod';
import { AccessEnded } from '../http/decided-stream.ts';
import { FHIR_TYPE, JSON_TYPE } from '../http/media-types.ts';
import { SearchTurns } from '../http/search-turns.ts';
import { type Answer, type Audited, inTurn } from './answer.ts';
import type { Asked } from './asked.ts';
import { type Descriptor, operation } from './descriptor.ts';
import { SHAPE } from './fhir.ts';
import { Frame, type Handler, type OperationPorts, requireScope } from './frame.ts';
import { Operation, operationsOf } from './operation.ts';

const TEXTS = {
  tag: 'Operations',
  summary: 'Do',
  answer: { description: 'It.', type: FHIR_TYPE },
} as const;
const READ = operation({
  ...TEXTS,
  route: 'GET /fhir/{type}/{id}',
  callers: 'app',
  scope: 'r',
  audit: 'read',
  noId: 'unknown-resource',
  conditional: 'full-support',
  query: SHAPE,
});
const LIST = operation({
  ...TEXTS,
  route: 'GET /ops/things',
  callers: ['administrator'],
  fields: { day: { schema: z.string('day must be a day.').optional() } },
  answer: { description: 'Things.', type: JSON_TYPE },
});

let fastify: FastifyInstance;
let steps: string[];
let entries: object[];
let durable: () => Promise<void>;
/** What the check of a role's token answers. */
let refused: Refusal | undefined;
/** What the check of an app's token answers. */
let unknownApp: Refusal | undefined;
beforeEach(() => {
  steps = [];
  refused = unknownApp = undefined;
  entries = [];
  durable = async () => {};
  fastify = Fastify({ exposeHeadRoutes: true });
  const append = async (entry: object): Promise<void> => {
    entries.push(entry);
    await durable();
    steps.push('durable');
  };
  const ports: OperationPorts = {
    authenticator: {
      authenticate: () => {
        steps.push('token');
        if (unknownApp !== undefined) throw unknownApp;
        return { client: 'app1', scopes: readGranted('system/Condition.rs') };
      },
    },
    callers: {
      admit: async () => {
        if (refused !== undefined) throw refused;
        return { name: 'administrator', mark: 'administrator 12345678' };
      },
    },
    audit: { record: append, release: (entry) => append({ ...entry, hourly: true }) },
    turns: new SearchTurns(),
    refusals: { refused: () => undefined },
    base: 'https://payer.example/fhir',
  };
  fastify.decorate('operations', ports);
  fastify.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof Refusal)) throw error;
    void reply.code(error.status).headers(error.headers).send(error.message);
  });
});
const serve = <D extends Descriptor>(descriptor: D, handler: (asked: Asked<D>) => ReturnType<Handler>): void => {
  const frame = new Frame(descriptor, handler as unknown as Handler);
  const [method, path] = descriptor.route.split(' ') as ['GET', string];
  fastify.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    handler: (request, reply) => frame.answer(undefined, request, reply),
  });
};
const VERSION: Audited = {
  audit: [{ released: { members: ['m1'], resources: 1 } }],
  unchanged: () => [{ released: { members: ['m1'], resources: 0, reason: 'not-modified' } }],
  answer: { version: { tag: 3, lastUpdated: Date.UTC(2027, 0, 4) }, body: '{}' },
};
const get = (url: string, headers: Record<string, string> = {}) => fastify.inject({ url, headers });

describe('an operation with an action of the audit', () => {
  test('P11: decides and records in one scope, so that its entries have the instants of its decisions', async () => {
    const scope = new AsyncLocalStorage<string>();
    const where: unknown[] = [];
    durable = async () => void where.push(scope.getStore());
    Object.assign(fastify.operations!, { within: (run: () => Promise<void>) => scope.run('its scope', run) });
    serve(READ, () => inTurn(async () => (where.push(scope.getStore()), VERSION)));
    expect((await get('/fhir/Condition/c1')).statusCode).toBe(200);
    expect(where).toEqual(['its scope', 'its scope']);
  });

  test('sends nothing before its entry is durable', async () => {
    let store = (): void => {};
    durable = () => new Promise((resolve) => (store = resolve));
    serve(READ, () => {
      steps.push('decided and read');
      return { ...VERSION, answer: { body: () => (steps.push('sent'), '{}') } };
    });
    const answer = get('/fhir/Condition/c1');
    await expect.poll(() => entries).toHaveLength(1);
    expect(steps).toEqual(['token', 'decided and read']);
    store();
    expect((await answer).statusCode).toBe(200);
    expect(steps).toEqual(['token', 'decided and read', 'durable', 'sent']);
    expect(entries).toEqual([
      { client: 'app1', action: 'read', types: ['Condition'], outcome: 'released', members: ['m1'], resources: 1 },
    ]);
  });

  test('sends no content, not even a status, if the entry cannot be stored', async () => {
    durable = () => Promise.reject(new Refusal('unavailable', 'Not recorded.'));
    serve(READ, () => VERSION);
    expect(await get('/fhir/Condition/c1')).toMatchObject({ statusCode: 503, body: 'Not recorded.' });
  });

  test('records a refusal with its reason, and then refuses', async () => {
    serve(READ, () => ({ audit: [{ refused: { reason: 'opted-out', members: ['m1'] } }], answer: unknownResource() }));
    expect((await get('/fhir/Condition/c1')).statusCode).toBe(404);
    expect(entries).toMatchObject([{ outcome: 'refused', reason: 'opted-out', members: ['m1'], resources: 0 }]);
  });

  test('cannot return an answer without an entry', () => {
    class Bare {
      // @ts-expect-error: an answer without entries
      @Operation(READ)
      read(): Answer {
        return { body: '{}' };
      }
    }
    class Empty {
      // @ts-expect-error: a list without an entry
      @Operation(READ)
      read(): { audit: []; answer: Answer } {
        return { audit: [], answer: {} };
      }
    }
    class Silent {
      // @ts-expect-error: a refusal without a reason
      @Operation(READ)
      read() {
        return { audit: [{ refused: { members: ['m1'] } }] as const, answer: unknownResource() };
      }
    }
    expect(operationsOf([Bare, Empty, Silent])).toEqual([READ, READ, READ]);
  });

  test('decides again when access ends before the first byte, and records again', async () => {
    let calls = 0;
    const body = (): string => {
      if (++calls === 1) throw new AccessEnded('opted out');
      return '{}';
    };
    serve(READ, () => ({ ...VERSION, answer: { body } }));
    expect((await get('/fhir/Condition/c1')).statusCode).toBe(200);
    expect(entries).toHaveLength(2);
  });

  test('leaves no header of an answer whose access ended, in the refusal that follows', async () => {
    let calls = 0;
    const body = (): string => {
      throw new AccessEnded('opted out');
    };
    const gone = { audit: [{ refused: { reason: 'opted-out' } }], answer: unknownResource() } as const;
    serve(READ, () => (++calls === 1 ? { ...VERSION, answer: { ...VERSION.answer, body } } : gone));
    const refused = await get('/fhir/Condition/c1');
    const unknown = await get('/fhir/Condition/c1');
    expect(refused.statusCode).toBe(404);
    expect(Object.keys(refused.headers)).toEqual(Object.keys(unknown.headers));
  });

  test('waits for its turn after the request has been understood', async () => {
    serve(READ, () => inTurn(async () => (steps.push('in turn'), VERSION)));
    expect((await get('/fhir/Condition/c1')).statusCode).toBe(200);
    expect(steps).toEqual(['token', 'in turn', 'durable']);
  });
});

describe('a request', () => {
  const asked = async (url: string, headers?: Record<string, string>) => {
    let got: Asked<typeof READ> | undefined;
    serve(READ, (one) => {
      got = one;
      return VERSION;
    });
    const answer = await get(url, headers);
    return { got, answer };
  };

  test('comes to the handler with its client, its type and its query', async () => {
    const { got, answer } = await asked('/fhir/Condition/c1?_format=json&_summary=true');
    expect(got).toMatchObject({ client: 'app1', type: 'Condition', params: { id: 'c1' }, query: { summary: 'true' } });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/fhir+json; charset=utf-8',
      'cache-control': 'no-store',
      etag: 'W/"3"',
      'last-modified': 'Mon, 04 Jan 2027 00:00:00 GMT',
    });
  });

  test.each([
    ['of a type that is not served', '/fhir/Nothing/c1', 404, 0],
    ['beyond the scope', '/fhir/Observation/c1', 403, 0],
    ['that does not take JSON', '/fhir/Condition/c1?_format=xml', 406, 0],
    ['with a wrong value', '/fhir/Condition/c1?_summary=much', 400, 0],
    ['with an id that is none', '/fhir/Condition/c_1', 404, 1],
  ])('%s is refused before the handler', async (_what, url, status, recorded) => {
    const { got, answer } = await asked(url);
    expect(answer.statusCode).toBe(status);
    expect(got).toBeUndefined();
    expect(entries).toHaveLength(recorded);
  });

  test.each([
    ['W/"3"', 'not-modified', 304],
    ['"2", "3"', 'not-modified', 304],
    ['*', 'not-modified', 304],
    ['W/"4"', undefined, 200],
  ])('with If-None-Match %s is recorded as what it gets', async (tag, reason, status) => {
    const { answer } = await asked('/fhir/Condition/c1', { 'if-none-match': tag });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type'] === undefined).toBe(status === 304);
    expect(entries).toMatchObject([reason === undefined ? { resources: 1 } : { resources: 0, reason }]);
  });

  test('with If-Modified-Since counts only where the operation says so', async () => {
    const since = { 'if-modified-since': 'Mon, 04 Jan 2027 00:00:00 GMT' };
    serve({ ...READ, route: 'GET /fhir/Group/{id}', scope: undefined, conditional: 'not-match' }, () => VERSION);
    expect((await asked('/fhir/Condition/c1', since)).answer.statusCode).toBe(304);
    expect((await get('/fhir/Group/g1', since)).statusCode).toBe(200);
  });
});

describe('the fields of a query', () => {
  test.each([
    ['?day=2027-01-04', 200, '{"day":"2027-01-04"}'],
    ['', 200, '{}'],
    ['?day=a&day=b', 400, 'day must be a day.'],
    ['?night=1', 400, 'This route has no parameter night. It has day.'],
  ])('are read from %s', async (query, status, body) => {
    serve(LIST, (asked) => ({ json: asked.query }));
    expect(await get(`/ops/things${query}`)).toMatchObject({ statusCode: status, body });
  });
});

test('requireScope names the scope that is missing', () => {
  requireScope(readGranted('system/Patient.rs'), 'Patient', 'r');
  expect(() => {
    requireScope(readGranted('system/Patient.r system/Observation.rs?category=lab'), 'Patient', 's');
  }).toThrow(/system\/Patient\.s/);
  expect(() => {
    requireScope(readGranted('system/Observation.rs?category=lab'), 'Observation', 'r');
  }).toThrow(Refusal);
});

describe('an operation on a type of FHIR that is for a role', () => {
  const OF_PORTAL = operation({
    ...TEXTS,
    route: 'GET /fhir/Consent/{id}',
    callers: ['member-portal'],
    audit: 'explain',
  });
  const NOBODY = new Refusal('invalid-token', 'This is not the member-portal token.');
  const called = (): boolean => steps.includes('called');
  beforeEach(() =>
    serve(OF_PORTAL, () => {
      steps.push('called');
      return VERSION;
    }),
  );

  test('is for this role, and the audit names it', async () => {
    expect((await get('/fhir/Consent/c1')).statusCode).toBe(200);
    expect(entries).toMatchObject([{ client: 'administrator', action: 'explain', types: ['Consent'] }]);
  });
  test('N20 does not exist for an app', async () => {
    refused = NOBODY;
    serve(READ, () => VERSION);
    const answer = await get('/fhir/Consent/c1');
    expect([answer.statusCode, answer.body]).toEqual([404, (await get('/fhir/Nothing/c1')).body]);
    expect(called()).toBe(false);
  });
  test('asks everybody else for the token of the role', async () => {
    refused = NOBODY;
    unknownApp = new Refusal('invalid-token', 'This is no valid access token.');
    expect(await get('/fhir/Consent/c1')).toMatchObject({ statusCode: 401, body: NOBODY.message });
    unknownApp = new Refusal('unavailable', 'Repeat the request.');
    expect((await get('/fhir/Consent/c1')).statusCode).toBe(503);
    expect(called()).toBe(false);
  });
  test('differs from one outside of FHIR, which never looks at the token of an app', async () => {
    refused = NOBODY;
    serve(LIST, () => ({ json: [] }));
    expect((await get('/ops/things')).statusCode).toBe(401);
    expect(steps).toEqual([]);
  });
});
