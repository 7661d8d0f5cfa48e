import { randomUUID } from 'node:crypto';
import type { State, WorkItem } from '../state/index.ts';
import { openMongoState } from '../state/mongo/index.ts';
import { eventually, sharedMongo, tcpProxy } from '@provider-access/testing';
import { afterEach, expect, it } from 'vitest';
import { Poll } from './poll.ts';
import { Workers, type WorkersOptions } from './workers.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const MINUTE = 60_000;
async function process(
  database: string,
  uri: string,
  clockMs = 0,
): Promise<{ state: State; clock: { now(): number } }> {
  const now = (): number => Date.now() + clockMs;
  const state = await openMongoState({
    uri,
    database,
    now,
    alignClock: true,
    applyIndexes: true,
    serverSelectionTimeoutMs: 2_000,
    socketTimeoutMs: 2_000,
  });
  closing.push(() => state.close());
  return { state, clock: { now } };
}
function work(
  { state, clock }: { state: State; clock: { now(): number } },
  holder: string,
  options: Partial<WorkersOptions> & Pick<WorkersOptions, 'handle'>,
): Workers {
  const workers = new Workers({
    work: state.work,
    queue: 'q',
    holder,
    clock,
    ttlMs: 1500,
    backoffMs: () => 0,
    ...options,
  });
  const poll = new Poll(async () => workers.notify(), 10);
  closing.push(async () => {
    poll.stop();
    await workers.stop();
  });
  workers.start();
  void poll.start();
  return workers;
}

it('workers of three processes with clocks minutes apart do each item once, and repeat only failed ones', async () => {
  const { uri } = await sharedMongo();
  const database = `jobs_${randomUUID().slice(0, 8)}`;
  const processes = await Promise.all([
    process(database, uri),
    process(database, uri, 5 * MINUTE),
    process(database, uri, -5 * MINUTE),
  ]);
  const done: string[] = [];
  const attempts = new Map<string, number>();
  await processes[0]!.state.work.put(
    'q',
    Array.from({ length: 40 }, (_, i) => ({ id: `i${i}`, payload: i })),
  );
  processes.forEach((p, i) =>
    work(p, `h${i}`, {
      concurrency: 2,
      ttlMs: 10 * MINUTE,
      handle: async (item) => {
        attempts.set(item.id, item.attempts);
        if (item.attempts === 1 && Number(item.payload) % 10 === 3) throw new Error('once');
        done.push(item.id);
      },
    }),
  );
  await eventually(async () => {
    const { ready, leased } = await processes[0]!.state.work.count('q');
    return ready + leased === 0;
  });
  expect([...done].sort()).toEqual(Array.from({ length: 40 }, (_, i) => `i${i}`).sort());
  expect([...attempts.values()].filter((n) => n === 2)).toHaveLength(4);
});

it('a process that is cut off loses its item to a higher fence, learns that, and its result is not used', async () => {
  const { uri } = await sharedMongo();
  const database = `jobs_${randomUUID().slice(0, 8)}`;
  const proxy = await tcpProxy({ target: { port: Number(new URL(uri).port) } });
  closing.push(() => proxy.close());
  const cut = await process(database, `mongodb://${proxy.host}:${proxy.port}/?directConnection=true`);
  const other = await process(database, uri);
  await cut.state.work.put('q', [{ id: 'a', payload: 1 }]);

  const reasons: unknown[] = [];
  const taken: { by: string; item: WorkItem }[] = [];
  work(cut, 'cut', {
    handle: async (item, signal) => {
      taken.push({ by: 'cut', item });
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      reasons.push(signal.reason);
    },
  });
  await eventually(() => taken.length === 1);
  await proxy.refuse();
  proxy.cut();
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  // The lease is longer than any pause of this machine.
  work(other, 'other', {
    ttlMs: 10 * MINUTE,
    handle: async (item) => {
      taken.push({ by: 'other', item });
      await finished;
    },
  });
  await eventually(() => taken.length === 2);
  expect(taken[1]!.by).toBe('other');
  expect(taken[1]!.item.fence).toBeGreaterThan(taken[0]!.item.fence);
  await proxy.accept();
  await eventually(() => reasons.length === 1);
  expect(reasons).toEqual(['lost']);
  expect(await cut.state.work.done(taken[0]!.item)).toBe(false);
  expect(await other.state.work.count('q')).toEqual({ ready: 0, leased: 1 });
  finish();
  await eventually(async () => (await other.state.work.count('q')).leased === 0);
  expect(taken).toHaveLength(2);
});
