import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '@provider-access/service/observability';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { tidy } from './tidy.ts';

const HOUR_MS = 60 * 60 * 1000;
let server: Server;
let answer: { status: number; code: string };
let asked = 0;
const logged: [level: string, fields: object, text: string][] = [];
const logger = {
  info: (fields: object, text: string) => void logged.push(['info', fields, text]),
  warn: (fields: object, text: string) => void logged.push(['warn', fields, text]),
} as unknown as Logger;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 's');
  logged.length = asked = 0;
  server = createServer((_, response) => {
    asked += 1;
    response
      .writeHead(answer.status, { 'content-type': 'application/xml' })
      .end(`<Error><Code>${answer.code}</Code><Message>about members/m1</Message></Error>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});
const start = (): void =>
  tidy(
    {
      kind: 's3',
      bucket: 'b',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'r',
      forcePathStyle: true,
      partBytes: 8 * 1024 * 1024,
    },
    logger,
  );

it('asks a store that lists no uploads once, and says what removes them', async () => {
  answer = { status: 501, code: 'NotImplemented' };
  start();
  await expect.poll(() => logged).toEqual([['info', {}, expect.stringContaining('lifecycle rule')]]);
  vi.advanceTimersByTime(3 * HOUR_MS);
  expect(vi.getTimerCount()).toBe(0);
  expect(asked).toBe(1);
});

it('logs why it failed, without the words of the store, and tries again an hour later', async () => {
  answer = { status: 403, code: 'AccessDenied' };
  start();
  const warning = [
    'warn',
    { reason: 'the file store is away (AccessDenied)' },
    'could not remove unfinished files; the next run tries again',
  ];
  await expect.poll(() => logged).toEqual([warning]);
  vi.advanceTimersByTime(HOUR_MS);
  await expect.poll(() => logged).toEqual([warning, warning]);
  expect(asked).toBe(2);
});
