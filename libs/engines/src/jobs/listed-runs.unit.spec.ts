import { Refusal } from '@provider-access/kernel';
import { afterEach, expect, test } from 'vitest';
import { openMemoryState } from '../state/memory/index.ts';
import { type ListedRun, ListedRuns } from './listed-runs.ts';

interface Run {
  readonly id: string;
  readonly by: string;
  readonly step: number;
}
interface Entry extends ListedRun {
  readonly by: string;
}
const state = openMemoryState({});
afterEach(async () => {
  await state.streams.remove('run');
});
const runs = (): ListedRuns<Run, Entry> =>
  new ListedRuns(state.streams, { list: 'runs', streams: 'run/', prefix: 'run', most: 3 });
const begin = async (store: ListedRuns<Run, Entry>, by: string, most = 9): ReturnType<typeof store.add> =>
  store.add({ by, step: 0 }, { by }, (open) => {
    if (open.some((one) => one.by === by) || open.length >= most) throw new Refusal('conflict', 'not now');
  });
const byOf = (found: readonly Run[]): readonly string[] => found.map(({ by }) => by);

test('lists the newest first, and those that are open with the oldest first', async () => {
  const store = runs();
  const first = await begin(store, 'a');
  await begin(store, 'b');
  await begin(store, 'c');
  await store.close(first.added.id);
  expect(byOf(await store.newest())).toEqual(['c', 'b', 'a']);
  expect(byOf(await store.open())).toEqual(['b', 'c']);
});

test('a refused run leaves nothing behind', async () => {
  const store = runs();
  await begin(store, 'a');
  const loaded: string[] = [];
  const streams = {
    ...state.streams,
    append: ((name, ...rest) => {
      loaded.push(name);
      return state.streams.append(name, ...rest);
    }) as typeof state.streams.append,
    load: state.streams.load.bind(state.streams),
    remove: state.streams.remove.bind(state.streams),
  };
  const other = new ListedRuns<Run, Entry>(streams, { list: 'runs', streams: 'run/', prefix: 'run', most: 3 });
  await expect(begin(other, 'a')).rejects.toThrow('not now');
  const left = await Promise.all(loaded.map((name) => state.streams.load(name)));
  expect(loaded).toHaveLength(1);
  expect(left).toEqual([undefined]);
});

test('names the ended runs that leave the list, and never an open one', async () => {
  const store = runs();
  const ids: string[] = [];
  for (const by of ['a', 'b', 'c']) ids.push((await begin(store, by)).added.id);
  await store.close(ids[1]!);
  const { dropped } = await begin(store, 'd');
  expect(dropped).toEqual([ids[1]]);
  expect(byOf(await store.newest())).toEqual(['d', 'c', 'a']);
  expect((await begin(store, 'e')).dropped).toEqual([]);
});

test('of two runs of one owner at the same time one begins', async () => {
  const store = runs();
  const both = await Promise.allSettled([begin(store, 'a'), begin(store, 'a')]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(byOf(await store.open())).toEqual(['a']);
});

test('changes of one run at the same time all count, and an unknown id is refused', async () => {
  const store = runs();
  const { id } = (await begin(store, 'a')).added;
  await Promise.all(Array.from({ length: 5 }, () => store.change(id, (run) => ({ ...run, step: run.step + 1 }))));
  expect(await store.get(id)).toMatchObject({ by: 'a', step: 5 });
  for (const unknown of ['run-unknown', `run-${'a'.repeat(26)}`, '../runs'])
    await expect(store.change(unknown, (run) => run)).rejects.toThrow('There is no such run.');
});
