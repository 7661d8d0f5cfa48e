import { type AddressInfo, connect } from 'node:net';
import { fastify as createFastify } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Metrics, silentLogger, Telemetry } from '../observability/index.ts';
import { observeRequests } from './observe-requests.ts';

const metrics = new Metrics();
const { promise: answer, resolve: letAnswer } = Promise.withResolvers<void>();
const { promise: sent, resolve: isSent } = Promise.withResolvers<void>();
const app = createFastify({ forceCloseConnections: true });
let port: number;
beforeAll(async () => {
  const tracing = new Telemetry().tracing('resources');
  observeRequests(app, { service: 'resources', metrics, tracing, logger: silentLogger, log: false, trust: false });
  app.get('/slow/:id', { onSend: async () => isSent() }, async () => (await answer, 'late'));
  app.get('/fast/:id', async () => 'now');
  await app.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = app.server.address() as AddressInfo);
});
afterAll(() => app.close());
const lines = async (): Promise<string[]> =>
  (await metrics.text()).split('\n').filter((line) => /(_count|active_requests)\{/.test(line));

test('a request is counted once, with its route and status', async () => {
  for (const id of ['a', 'b']) expect(await (await fetch(`http://127.0.0.1:${port}/fast/${id}`)).text()).toBe('now');
  await expect
    .poll(lines)
    .toEqual([
      'http_server_active_requests{service="resources"} 0',
      'http_server_request_duration_seconds_count{service="resources",method="GET",route="/fast/:id",status="200"} 2',
    ]);
});

test('one whose client goes away is counted as 499, once, and is not being answered any more', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /slow/a HTTP/1.1\r\nhost: x\r\n\r\n');
  await expect.poll(lines).toContain('http_server_active_requests{service="resources"} 1');
  socket.destroy();
  await expect.poll(lines).toContain('http_server_active_requests{service="resources"} 0');
  // The handler still answers, but nobody hears it. That must not be counted a second time.
  letAnswer();
  await sent;
  await (await fetch(`http://127.0.0.1:${port}/fast/c`)).text();
  const all = await lines();
  expect(all.filter((line) => line.includes('/slow'))).toEqual([
    'http_server_request_duration_seconds_count{service="resources",method="GET",route="/slow/:id",status="499"} 1',
  ]);
});
