import { Readable } from 'node:stream';
import { Controller, Get, Module, Req, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Metrics, silentLogger } from '../observability/index.ts';
import { Refusal } from '@provider-access/kernel';
import { createServiceApp } from './app.ts';
import { indented, PRETTY_BYTES } from './pretty-answers.ts';

describe('indented', () => {
  // For values that JavaScript reads and writes unchanged, its own printer is the oracle.
  test.each([
    [{}],
    [[]],
    [null],
    [{ a: [], b: {}, c: [{}, []] }],
    [{ resourceType: 'Patient', name: [{ family: 'O"Brien\\', given: ['{[,:]}'] }], active: true, n: -1.5 }],
    ['a "quoted" \\ text: {}'],
  ])('prints %j as JSON.stringify does', (value) => {
    expect(indented(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
  });

  test('keeps each decimal as it is written, because its digits say how exact it is', () => {
    expect(indented('{"value":1.00,"low":12345678901234567890.1,"e":1e-7}')).toBe(
      '{\n  "value": 1.00,\n  "low": 12345678901234567890.1,\n  "e": 1e-7\n}',
    );
  });

  test('gives the same for what is indented already', () => {
    const text = '{\n  "a": [\n    1\n  ],\n  "b": [],\n  "c": {}\n}';
    expect(indented(text)).toBe(text);
    expect(indented(' { "c" : { } , "b" : [\t] } ')).toBe('{\n  "c": {},\n  "b": []\n}');
  });
});

describe('_pretty', () => {
  let app: NestFastifyApplication;
  const text = '{"resourceType":"Observation","valueDecimal":1.00}';
  beforeAll(async () => {
    @Controller('fhir')
    class Trial {
      @Get('text')
      text(@Res() reply: FastifyReply): void {
        void reply.type('application/fhir+json; charset=utf-8').send(text);
      }
      @Get('bytes')
      bytes(@Res() reply: FastifyReply): void {
        void reply
          .headers({ 'content-type': 'application/fhir+json', 'content-length': String(text.length) })
          .send(Buffer.from(text));
      }
      @Get('stream')
      stream(@Res() reply: FastifyReply): void {
        void reply.type('application/fhir+json').send(Readable.from([text]));
      }
      @Get('lines')
      lines(@Res() reply: FastifyReply): void {
        void reply.type('application/fhir+ndjson').send(`${text}\n${text}\n`);
      }
      @Get('large')
      large(@Res() reply: FastifyReply): void {
        void reply.type('application/fhir+json').send(JSON.stringify({ text: 'x'.repeat(PRETTY_BYTES) }));
      }
      @Get('range')
      range(@Req() _request: FastifyRequest, @Res() reply: FastifyReply): void {
        void reply.code(206).headers({ 'content-type': 'application/json', 'accept-ranges': 'bytes' }).send(text);
      }
      @Get('refused')
      refused(): never {
        throw new Refusal('not-found', 'There is no such resource.');
      }
    }
    @Module({})
    class TrialModule {}
    app = await createServiceApp(
      { module: TrialModule, controllers: [Trial] },
      { name: 'auth', ports: { logger: silentLogger, metrics: new Metrics() } },
    );
  });
  afterAll(() => app.close());
  const get = (url: string) => app.getHttpAdapter().getInstance().inject({ method: 'GET', url });
  const pretty = '{\n  "resourceType": "Observation",\n  "valueDecimal": 1.00\n}';

  test.each(['text', 'bytes'])('indents an answer of %s, and gives its new length', async (path) => {
    const { payload, headers } = await get(`/fhir/${path}?_format=json&_pretty=true`);
    expect(payload).toBe(pretty);
    expect(headers['content-length']).toBe(String(pretty.length));
    expect((await get(`/fhir/${path}`)).payload).toBe(text);
    expect((await get(`/fhir/${path}?_pretty=false`)).payload).toBe(text);
    expect((await get(`/fhir/${path}?x_pretty=true`)).payload).toBe(text);
  });

  test('indents a refusal', async () => {
    expect((await get('/fhir/refused?_pretty=true')).payload).toContain('{\n  "resourceType": "OperationOutcome"');
  });

  test.each(['stream', 'range'])('leaves a %s alone', async (path) => {
    expect((await get(`/fhir/${path}?_pretty=true`)).payload).toBe(text);
  });
  test('leaves lines of resources alone', async () => {
    expect((await get('/fhir/lines?_pretty=true')).payload).toBe(`${text}\n${text}\n`);
  });
  test('leaves an answer alone that is too large to indent between other requests', async () => {
    expect((await get('/fhir/large?_pretty=true')).payload).not.toContain('\n');
  });
});
