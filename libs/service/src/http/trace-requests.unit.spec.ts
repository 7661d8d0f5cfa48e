import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Body, Controller, Get, Module, Param, Post, Req, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { Metrics, Telemetry, type Logger, type Tracing } from '../observability/index.ts';
import { recordSpans } from '../observability/testing/recorder.ts';
import { createServiceApp } from './index.ts';

const CALLER = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Line {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly text: string;
}

/** A service whose handlers say under which trace they ran. */
async function start(options: { tracing?: Tracing; requestLog?: boolean; trust?: boolean } = {}) {
  const lines: Line[] = [];
  const log = (level: string) => (fields: Record<string, unknown>, text: string) =>
    void lines.push({ level, fields, text });
  const logger = {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  } as unknown as Logger;
  const ids: (string | undefined)[] = [];
  const here = (): void => void ids.push(options.tracing?.scopes.fields().trace_id);
  @Controller()
  class Things {
    @Get('things/:id')
    async one(@Param('id') id: string, @Req() req: FastifyRequest): Promise<string> {
      (req as { smart?: unknown }).smart = { client: 'c-1' };
      here();
      await turn();
      here();
      if (id === 'broken') throw new Error(`there is no Zqx in ${id}`);
      return 'thing';
    }
    @Post('things')
    async take(@Body() body: object): Promise<string> {
      here();
      await turn();
      return JSON.stringify(body);
    }
    @Get('endless')
    endless(@Res() reply: FastifyReply): void {
      reply.hijack();
      reply.raw.write('a');
    }
  }
  class Service {}
  Module({})(Service);
  const app: NestFastifyApplication = await createServiceApp(
    { module: Service, controllers: [Things] },
    {
      name: 'resources',
      ports: { logger, metrics: new Metrics(), tracing: options.tracing },
      requestLog: options.requestLog,
      trustTraceparent: options.trust,
    },
  );
  open.push(() => app.close());
  const server = createServer((req, res) => app.getHttpAdapter().getInstance().routing(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    base,
    lines,
    ids,
    ask: (path: string, init: RequestInit = {}) =>
      fetch(`${base}${path}`, { ...init, headers: { traceparent: CALLER, ...init.headers } }),
  };
}

test("a request begins its own trace, linked to the caller's, and all its work runs in that trace", async () => {
  const { telemetry, finished } = recordSpans(1);
  const { ask, lines, ids } = await start({ tracing: telemetry.tracing('resources'), requestLog: true });
  await ask('/things/Zqx-17?name=Zqx');
  await ask('/things', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Zqx'.repeat(50_000) }),
  });
  await expect.poll(() => lines.length).toBe(2);
  const [get, post] = await finished();
  expect([get!.name, post!.name]).toEqual(['GET /things/:id', 'POST /things']);
  expect(get!.attributes).toEqual({
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'http.route': '/things/:id',
    'http.response.status_code': 200,
  });
  expect(get!.parentSpanContext).toBeUndefined();
  expect(get!.links.map((l) => l.context.traceId)).toEqual(['4bf92f3577b34da6a3ce929d0e0e4736']);
  expect(ids).toEqual([get!.spanContext().traceId, get!.spanContext().traceId, post!.spanContext().traceId]);
  expect(lines[0]).toEqual({
    level: 'info',
    text: 'request',
    fields: {
      method: 'GET',
      route: '/things/:id',
      status: 200,
      ms: expect.any(Number),
      bytes: 5,
      client: 'c-1',
      trace_id: get!.spanContext().traceId,
      span_id: get!.spanContext().spanId,
    },
  });
  expect(JSON.stringify([lines, get!.attributes, post!.attributes])).not.toContain('Zqx');
});

test('where the header is trusted the trace goes on, and is kept as its beginning says', async () => {
  const { telemetry, finished } = recordSpans(0);
  const { ask } = await start({ tracing: telemetry.tracing('resources'), trust: true });
  await ask('/things/1');
  await ask('/things/2', { headers: { traceparent: CALLER.replace(/01$/, '00') } });
  await ask('/things/3', { headers: { traceparent: 'nonsense' } });
  const spans = await finished();
  expect(spans.map((s) => s.parentSpanContext?.spanId)).toEqual(['00f067aa0ba902b7']);
});

test('a public caller cannot have its requests recorded', async () => {
  const { telemetry, finished } = recordSpans(0);
  const { ask } = await start({ tracing: telemetry.tracing('resources') });
  for (let i = 0; i < 20; i++) await ask(`/things/${i}`);
  expect(await finished()).toEqual([]);
});

test('reports errors by status and name, and no path where no route matches', async () => {
  const { telemetry, finished } = recordSpans(1);
  const { ask, lines } = await start({ tracing: telemetry.tracing('resources') });
  for (const path of ['/things/broken', '/nothing/Zqx', '/things/%ZZqx', `/things/${'Zqx'.repeat(500)}`])
    expect(await (await ask(path)).text()).not.toContain('Zqx');
  await expect.poll(() => lines.filter((l) => l.text === 'request').length).toBe(4);
  const spans = await finished();
  expect(spans.map((s) => [s.name, s.attributes['http.response.status_code'], s.attributes['error.type']])).toEqual([
    ['GET /things/:id', 500, '500'],
    ['GET', 404, undefined],
  ]);
  expect(lines.map((l) => l.level)).toEqual(['error', 'debug', 'debug', 'debug', 'debug']);
  expect(JSON.stringify([lines, spans.map((s) => [s.name, s.attributes, s.status, s.events])])).not.toContain('Zqx');
});

test('a connection that goes away in the middle ends its span and its line', async () => {
  const { telemetry, finished } = recordSpans(1);
  const { base, lines } = await start({ tracing: telemetry.tracing('resources'), requestLog: true });
  const response = await new Promise<IncomingMessage>((resolve) => request(`${base}/endless`, resolve).end());
  response.on('error', () => undefined);
  await new Promise((resolve) => response.once('data', resolve));
  response.destroy();
  await expect.poll(() => lines.length).toBe(1);
  expect(lines[0]!.fields).toMatchObject({ route: '/endless', cut: true });
  expect((await finished())[0]!.attributes['error.type']).toBe('connection_cut');
});

test('off: no span, and each request still has an id of its own', async () => {
  const tracing = new Telemetry().tracing('resources');
  const { ask, lines, ids } = await start({ tracing, requestLog: true });
  await ask('/things/1');
  await ask('/things/2');
  await expect.poll(() => lines.length).toBe(2);
  expect(lines.map((l) => l.fields['trace_id'])).toEqual([ids[0], ids[2]]);
  expect(ids[0]).not.toBe(ids[2]);
});
