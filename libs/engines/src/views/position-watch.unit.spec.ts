import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { EngineUnavailable } from '../log/index.ts';
import { items } from './contract/fixture.ts';
import { openMemoryViews } from './memory/index.ts';

afterEach(() => {
  vi.useRealTimers();
});
const checkpoint = (next: number) => ({ topic: 't.items', partition: 0, from: next - 1, next, progress: [] });

it('polls the store once for all waiting callers, and resolves each when its own position is passed', async () => {
  const views = openMemoryViews({ shared: true });
  await views.store.ensure(items);
  const checkpoints = views.store.checkpoints.bind(views.store);
  let questions = 0;
  views.store.checkpoints = (...args) => (questions++, checkpoints(...args));
  // No time passes, so no poll is due.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const waiting = Array.from({ length: 100 }, (_, i) =>
    views.reader(items).waitFor({ 't.items': [1 + (i % 2)] }, 60_000),
  );
  const done = new Set<number>();
  waiting.forEach((w, i) => void w.then(() => done.add(i)));
  await views.store.apply(items, 1, [], checkpoint(1));
  await Promise.all(waiting.filter((_, i) => i % 2 === 0));
  expect(done.size).toBe(50);
  expect(questions).toBeLessThanOrEqual(4);
  await views.store.apply(items, 1, [], checkpoint(2));
  expect(await Promise.all(waiting)).toEqual(Array(100).fill(true));
});

it('sees a checkpoint of another process, and returns the last answer when the time is over', async () => {
  const views = openMemoryViews({ shared: true });
  await views.store.ensure(items);
  views.store.onAdvance = () => () => undefined;
  const reader = views.reader(items);
  expect(await reader.waitFor({ 't.items': [1] }, 0)).toBe(false);
  const waiting = reader.waitFor({ 't.items': [1] }, 60_000);
  expect(await reader.waitFor({ 't.items': [1] }, 3)).toBe(false);
  await views.store.apply(items, 1, [], checkpoint(1));
  expect(await waiting).toBe(true);
  expect(await reader.waitFor({ 't.items': [1] }, 0)).toBe(true);
});

it('rejects all callers when the store cannot be read', async () => {
  const views = openMemoryViews({ shared: true });
  await views.store.ensure(items);
  const reader = views.reader(items);
  const waiting = [reader.waitFor({ 't.items': [1] }, 10_000), reader.waitFor({ 't.items': [2] }, 60_000)];
  views.store.checkpoints = () => Promise.reject(new EngineUnavailable('away'));
  expect((await Promise.allSettled(waiting)).map((w) => w.status)).toEqual(['rejected', 'rejected']);
});

it('needs no query for checkpoints that this process saves, and counts none of a build in the making', async () => {
  const views = openMemoryViews({ shared: true });
  await views.store.ensure(items);
  const checkpoints = views.store.checkpoints.bind(views.store);
  let questions = 0;
  views.store.checkpoints = (...args) => (questions++, checkpoints(...args));
  // No time passes, so no poll is due.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let done = false;
  const waiting = views
    .reader(items)
    .waitFor({ 't.items': [3] }, 60_000)
    .finally(() => (done = true));
  while (questions === 0) await nextTurn();
  await nextTurn();
  const build = await views.store.startBuild(items);
  await views.store.apply(items, build, [], { ...checkpoint(5), from: 0 });
  for (const next of [1, 2]) await views.store.apply(items, 1, [], checkpoint(next));
  await nextTurn();
  expect(done).toBe(false);
  await views.store.apply(items, 1, [], checkpoint(3));
  expect(await waiting).toBe(true);
  expect(questions).toBe(1);
});

it('asks the store for nothing while only this process moves the view, and again once another one has', async () => {
  const views = openMemoryViews({ shared: true });
  await views.store.ensure(items);
  const checkpoints = views.store.checkpoints.bind(views.store);
  let questions = 0;
  let foreign = 0;
  views.store.checkpoints = async (...args) => {
    questions++;
    return foreign > 0 ? [checkpoint(foreign)] : checkpoints(...args);
  };
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const reader = views.reader(items);
  let next = 0;
  const moved = async (): Promise<boolean> => {
    const waiting = reader.waitFor({ 't.items': [next + 1] }, 60_000);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    await views.store.apply(items, 1, [], checkpoint(++next));
    return waiting;
  };
  // A second a move, until the view has moved alone for long enough.
  for (let second = 0; second < 8; second++) {
    expect(await moved()).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  const before = questions;
  for (let i = 0; i < 20; i++) expect(await moved()).toBe(true);
  expect(questions).toBe(before);
  // What another process saves is found by a poll, and then by polls as often as before.
  const waiting = reader.waitFor({ 't.items': [next + 1] }, 60_000);
  foreign = next + 1;
  await vi.advanceTimersByTimeAsync(1_100);
  expect(await waiting).toBe(true);
  expect(questions).toBe(before + 1);
  const other = reader.waitFor({ 't.items': [next + 2] }, 60_000);
  foreign = next + 2;
  await vi.advanceTimersByTimeAsync(60);
  expect(await other).toBe(true);
});
