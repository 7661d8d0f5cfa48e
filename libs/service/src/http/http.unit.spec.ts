import { Controller, Get, Module, Param, Post, Put } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EngineUnavailable } from '@provider-access/engines/log';
import { Metrics, silentLogger } from '../observability/index.ts';
import { createServiceApp } from './app.ts';
import { REFUSALS, Refusal, type RefusalKind } from '@provider-access/kernel';
import { nothingHere } from './nothing-here.ts';
import { formatOf, renderRefusal } from './render-refusal.ts';

describe('a refusal', () => {
  test.each(Object.keys(REFUSALS) as RefusalKind[])('%s is rendered for each prefix with its status', (kind) => {
    const refusal = new Refusal(kind, 'What is wrong.', { retryAfter: 3, expression: 'Patient.id' });
    const fhir = renderRefusal(refusal, 'fhir');
    expect(fhir.status).toBe(REFUSALS[kind].status);
    expect(fhir.headers).toMatchObject({ 'retry-after': '3', 'cache-control': 'no-store' });
    expect(JSON.parse(fhir.body)).toEqual({
      resourceType: 'OperationOutcome',
      issue: [
        { severity: 'error', code: REFUSALS[kind].issue, diagnostics: 'What is wrong.', expression: ['Patient.id'] },
      ],
    });
    expect(JSON.parse(renderRefusal(refusal, 'oauth').body)).toEqual({
      error: REFUSALS[kind].oauth,
      error_description: 'What is wrong.',
    });
    expect(JSON.parse(renderRefusal(refusal, 'plain').body)).toEqual({ error: kind, message: 'What is wrong.' });
  });

  test('of a bad token names the challenge (RFC 6750)', () => {
    expect(renderRefusal(new Refusal('invalid-token', 'x'), 'fhir').headers['www-authenticate']).toBe(
      'Bearer error="invalid_token"',
    );
    expect(
      renderRefusal(new Refusal('invalid-token', 'x', { headers: { 'www-authenticate': 'Bearer' } }), 'fhir').headers[
        'www-authenticate'
      ],
    ).toBe('Bearer');
  });

  test.each([
    ['/fhir/Patient', 'fhir'],
    ['/auth/token', 'oauth'],
    ['/events', 'plain'],
    ['/ops/views', 'plain'],
  ])('%s is answered as %s', (path, format) => {
    expect(formatOf(path)).toBe(format);
  });
});

describe('a service', () => {
  let app: NestFastifyApplication;
  const logged = vi.fn();
  beforeAll(async () => {
    @Controller()
    class Trial {
      @Get('fhir/Group/:id/$export')
      export(@Param('id') id: string): string {
        return id;
      }
      @Get('fhir/:type/:id')
      read(@Param('id') id: string): string {
        return id;
      }
      @Post('fhir/:type/_search')
      search(): string {
        return 'found';
      }
      @Put('auth/apps/:id')
      change(): string {
        return 'changed';
      }
      @Get('auth/apps/:id')
      app(@Param('id') id: string): string {
        return id;
      }
      @Get('fhir/bug')
      bug(): string {
        throw new Error('Patient m-000001 was here');
      }
      @Get('fhir/away')
      away(): string {
        throw new EngineUnavailable('the disk');
      }
      @Get('fhir/unindexed')
      unindexed(): string {
        throw Object.assign(new Error('records: index "by-patient" is missing. Create it with `pa views apply`'), {
          name: 'EnsureError',
        });
      }
    }
    @Module({})
    class TrialModule {}
    app = await createServiceApp(
      { module: TrialModule, controllers: [Trial] },
      {
        name: 'auth',
        ports: {
          logger: { ...silentLogger, debug: () => undefined, error: logged } as never,
          metrics: new Metrics(),
        },
      },
    );
  });
  afterAll(() => app.close());
  const get = (url: string) => app.getHttpAdapter().getInstance().inject({ method: 'GET', url });

  test('takes an encoded $ in a path, and leaves queries alone', async () => {
    expect((await get('/fhir/Group/g1/%24export?_since=%24')).payload).toBe('g1');
    expect((await get('/fhir/Group/g1/$export')).payload).toBe('g1');
  });
  test('answers a bug with 500 without its message, and logs it without the message too', async () => {
    const answer = await get('/fhir/bug');
    expect(answer.statusCode).toBe(500);
    expect(answer.payload).not.toContain('m-000001');
    expect(JSON.stringify(logged.mock.calls)).not.toContain('m-000001');
    expect(logged).toHaveBeenCalledOnce();
  });
  test('answers 503 with Retry-After while an engine is away', async () => {
    const answer = await get('/fhir/away');
    expect([answer.statusCode, answer.headers['retry-after'], answer.headers['content-type']]).toEqual([
      503,
      '2',
      'application/fhir+json; charset=utf-8',
    ]);
  });
  test('answers 503 where a view lacks an index, and logs which command creates it', async () => {
    logged.mockClear();
    const answer = await get('/fhir/unindexed');
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2']);
    expect(answer.payload).not.toContain('by-patient');
    expect(logged).toHaveBeenCalledWith({ error: 'EnsureError' }, expect.stringContaining('pa views apply'));
  });
  test('answers an unknown path as the prefix asks', async () => {
    expect(JSON.parse((await get('/fhir/nothing')).payload)).toMatchObject({ resourceType: 'OperationOutcome' });
    expect(JSON.parse((await get('/nothing')).payload)).toMatchObject({ error: 'not-found' });
  });
  // U20: "There is nothing here." told nobody what to ask for.
  test.each([
    ['GET', '/fhir', /base of the FHIR API/],
    ['POST', '/fhir/?_format=json', /base of the FHIR API/],
    ['GET', '/fhir/Patient/m1/$everything', /this operation/],
    ['GET', '/fhir/Patient/m1/%24everything/', /this operation/],
    ['POST', '/fhir/Patient/$everything', /this operation/],
    ['POST', '/fhir/$match?x=/fhir', /this operation/],
    ['GET', '/fhir/Patient/m1/Observation/o1', /this path/],
  ] as const)('says at %s %s what there is instead', async (method, url, text) => {
    const { statusCode, payload } = await app.getHttpAdapter().getInstance().inject({ method, url });
    const { resourceType, issue } = JSON.parse(payload) as { resourceType: string; issue: { diagnostics: string }[] };
    expect([statusCode, resourceType]).toEqual([404, 'OperationOutcome']);
    expect(issue[0]!.diagnostics).toMatch(text);
    expect(issue[0]!.diagnostics).toContain('GET /fhir/metadata');
    expect(issue[0]!.diagnostics).not.toMatch(/\b(m1|o1)\b|everything|match/);
  });

  // A regular expression that tries each slash as the first one would need minutes for this path.
  test('answers an unknown path of many slashes at once', async () => {
    expect(nothingHere(`/fhir${'/'.repeat(300_000)}x`).message).toContain('No request of the FHIR API has this path');
    expect(nothingHere(`/fhir${'/'.repeat(300_000)}`).message).toContain('This is the base of the FHIR API');
  });

  // RFC 9110 section 15.5.6: a 405 names the methods that there are.
  test.each([
    ['POST', '/fhir/Patient/m1', 'GET, HEAD'],
    ['PUT', '/fhir/Patient/m1?_format=json', 'GET, HEAD'],
    ['PATCH', '/fhir/Patient/none', 'GET, HEAD'],
    ['DELETE', '/fhir/Patient/m1/', 'GET, HEAD'],
    ['POST', '/fhir/Group/g1/$export?_type=Patient', 'GET, HEAD'],
    ['GET', '/fhir/Patient/_search', 'POST'],
    ['HEAD', '/fhir/Patient/_search', 'POST'],
    ['DELETE', '/auth/apps/a1', 'GET, HEAD, PUT'],
  ] as const)('answers %s %s with 405 and Allow: %s', async (method, url, allow) => {
    const answer = await app.getHttpAdapter().getInstance().inject({ method, url });
    expect([answer.statusCode, answer.headers['allow']]).toEqual([405, allow]);
    if (method === 'HEAD') return;
    const text = `This path does not take ${method}. Use ${allow.replaceAll(', ', ' or ')}.`;
    expect(JSON.parse(answer.payload)).toEqual(
      url.startsWith('/fhir')
        ? {
            resourceType: 'OperationOutcome',
            issue: [{ severity: 'error', code: 'not-supported', diagnostics: text }],
          }
        : { error: 'invalid_request', error_description: text },
    );
  });
  test.each([
    ['text/turtle', '<> a <>'],
    ['application/json', '{'],
    ['application/json', 'x'.repeat(2 * 1024 * 1024)],
  ])('answers 405 to a body of %s without looking at it', async (type, payload) => {
    const request = { method: 'PUT', url: '/fhir/Patient/m1', headers: { 'content-type': type }, payload } as const;
    expect((await app.getHttpAdapter().getInstance().inject(request)).statusCode).toBe(405);
  });
  test.each([
    ['POST', '/fhir/Patient/$everything'],
    ['POST', '/fhir/Patient/%24everything?_count=1'],
    ['DELETE', '/fhir/Group/g1/$export/x'],
    ['DELETE', '/fhir'],
    ['OPTIONS', '/fhir/Patient/m1'],
  ] as const)('answers %s %s with 404, because no method finds anything there', async (method, url) => {
    const answer = await app.getHttpAdapter().getInstance().inject({ method, url });
    expect([answer.statusCode, answer.headers['allow']]).toEqual([404, undefined]);
  });
  test('leaves the methods of a path alone', async () => {
    const call = async (method: 'GET' | 'HEAD' | 'POST' | 'PUT', url: string): Promise<number> =>
      (await app.getHttpAdapter().getInstance().inject({ method, url })).statusCode;
    expect(await call('GET', '/fhir/Patient/m1')).toBe(200);
    expect(await call('HEAD', '/fhir/Patient/m1')).toBe(200);
    expect(await call('POST', '/fhir/Patient/_search')).toBe(201);
    expect(await call('PUT', '/auth/apps/a1')).toBe(200);
  });
});
