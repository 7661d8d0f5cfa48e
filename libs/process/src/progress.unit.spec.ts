import { afterEach, expect, test, vi } from 'vitest';
import { EngineProbe } from './engine-probe.ts';
import { stuckReason } from './progress.ts';

afterEach(() => void vi.useRealTimers());

const NOW = 10_000_000;
async function probe(name: EngineProbe['name'], reachableFor: number): Promise<EngineProbe> {
  let at = NOW - reachableFor;
  const one = new EngineProbe({
    name,
    probe: () => (reachableFor > 0 ? Promise.resolve() : Promise.reject(new Error('away'))),
    graceMs: 0,
    now: () => at,
  });
  await one.ask();
  at = NOW;
  return one;
}
const polled = (name: string, ago: number): { name: string; subscription: { lastPoll: () => number } } => ({
  name,
  subscription: { lastPoll: () => NOW - ago },
});

test.each([
  ['everything moves', 1000, 1000, 10, undefined],
  ['one stands still although all engines were there', 1000, 1000, 101, 'b has not asked the log for 0 s'],
  ['Kafka is away: a restart would not bring it back', 0, 1000, 500, undefined],
  ['MongoDB is away: batches wait for it', 1000, 0, 500, undefined],
  ['Kafka came back a moment ago', 50, 1000, 500, undefined],
])('%s', async (_what, kafkaFor, mongoFor, ago, expected) => {
  const probes = [await probe('kafka', kafkaFor), await probe('mongodb', mongoFor)];
  expect(stuckReason({ now: NOW, probes, running: [polled('a', 10), polled('b', ago)], stuckMs: 100 })).toBe(expected);
});

test('an engine that does not answer in time is away, from then on until it answers', async () => {
  let at = 0;
  let answers = false;
  const one = new EngineProbe({
    name: 'kafka',
    probe: () => (answers ? Promise.resolve() : new Promise(() => undefined)),
    graceMs: 100,
    now: () => at,
    withinMs: 5,
  });
  const ready = async (): Promise<boolean> => (await one.check().check()).ready;
  await one.ask();
  expect([one.reachable(), await ready()]).toEqual([false, true]);
  at = 100;
  await one.ask();
  expect(await one.check().check()).toEqual({ ready: false, detail: 'kafka has not answered for 0 s' });
  answers = true;
  await one.ask();
  expect([one.reachable(), await ready(), one.reachableFor()]).toEqual([true, true, 0]);
});

test('an engine is asked only if no other call was answered lately, and on the next turn after a failure', async () => {
  vi.useFakeTimers();
  let asked = 0;
  const one = new EngineProbe({
    name: 'mongodb',
    probe: async () => void asked++,
    graceMs: 0,
    now: () => Date.now(),
    everyMs: 1000,
  });
  await one.start();
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(2500);
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toBe(2);
  for (let second = 0; second < 20; second++) {
    one.heard(true);
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(asked).toBe(2);
  one.heard(false);
  await vi.advanceTimersByTimeAsync(1000);
  expect([asked, one.reachable()]).toEqual([3, true]);
  one.stop();
});
