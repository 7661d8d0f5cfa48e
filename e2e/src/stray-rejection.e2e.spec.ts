import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { COMPILED } from './compiled.ts';
import { freshPlatform } from './harness.ts';
import { http } from './road.ts';

/** At a signal, does what a library may do that loses a connection. */
const STRAY = "process.on('SIGUSR2', () => void Promise.reject(new Error('a secret of a library')));";
const said: string[] = [];
let fresh: Awaited<ReturnType<typeof freshPlatform>>;
beforeAll(async () => {
  const NODE_OPTIONS = `${COMPILED['NODE_OPTIONS']} --import=data:text/javascript,${encodeURIComponent(STRAY)}`;
  fresh = await freshPlatform({ env: { NODE_OPTIONS }, onLine: (line) => said.push(line) });
});
afterAll(() => fresh?.dispose());

test('a rejection that nobody handles is logged without its words, and does not end the platform', async () => {
  process.kill(fresh.platform().pid, 'SIGUSR2');
  await eventually(() => said.some((line) => line.includes('a rejection was not handled')));
  expect(said.join('\n')).not.toContain('a secret of a library');
  expect((await http(`${fresh.platform().base}/health/live`)).status).toBe(200);
});
