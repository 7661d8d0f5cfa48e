import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { answerLiveness, type Liveness } from './liveness.ts';

let liveness: Liveness | undefined;
afterEach(() => liveness?.close());
const HOST = '127.0.0.1';

/** Asks from another process until the status comes. The event loop of this process stands still meanwhile. */
function askedMeanwhile(port: number, status: number): unknown {
  const ask = `(async () => {
    for (;;) {
      const answer = await fetch('http://${HOST}:${port}/health/live');
      const text = await answer.text();
      if (answer.status === ${status}) return process.stdout.write(text);
    }
  })()`;
  const { stdout } = spawnSync(process.execPath, ['-e', ask], { encoding: 'utf8', timeout: 60_000 });
  return JSON.parse(stdout);
}

// N1
test('liveness is answered while the event loop of the process stands still', async () => {
  liveness = await answerLiveness({ host: HOST, port: 0 }, () => undefined);
  expect(askedMeanwhile(liveness.port, 200)).toEqual({ live: true });
});

test('an event loop that stands still for too long ends liveness, until it runs again', async () => {
  liveness = await answerLiveness({ host: HOST, port: 0, stillMs: 300 }, () => undefined);
  expect(askedMeanwhile(liveness.port, 503)).toEqual({
    live: false,
    detail: expect.stringContaining('the event loop has stood still'),
  });
  const { port } = liveness;
  await eventually(async () => (await fetch(`http://${HOST}:${port}/health/live`)).status === 200);
});

test('liveness ends while the process makes no progress', async () => {
  const reasons: string[] = [];
  liveness = await answerLiveness({ host: HOST, port: 0, stillMs: 60_000 }, () => reasons[0]);
  const url = `http://${HOST}:${liveness.port}/health/live`;
  expect((await fetch(url)).status).toBe(200);
  reasons.push('a consumer has not asked the log');
  const answer = await eventually(async () => {
    const one = await fetch(url);
    return one.status === 503 && one.json();
  });
  expect(answer).toEqual({ live: false, detail: reasons[0] });
  expect((await fetch(url.replace('live', 'ready'))).status).toBe(404);
});

test('a port that is taken ends the start', async () => {
  const other = createServer().listen(0, HOST);
  await eventually(() => other.listening);
  await expect(
    answerLiveness({ host: HOST, port: (other.address() as AddressInfo).port }, () => undefined),
  ).rejects.toThrow(/^HEALTH_PORT: port \d+ of 127.0.0.1 is in use/);
  other.close();
});
