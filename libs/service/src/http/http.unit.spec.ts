import { Controller, Get, Module, Param } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EngineUnavailable } from '@provider-access/engines/log';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { createServiceApp } from './app.ts';
import { REFUSALS, Refusal, type RefusalKind } from '@provider-access/kernel';
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
        name: 'trial',
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
});
