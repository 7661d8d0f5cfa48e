import { expect, it } from 'vitest';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { ContentHash, GroupVersions } from './group-versions.ts';

const state = () => openMemoryState({ log: openMemoryLog() });

it('keeps the version of the same content, and gives other content a later one, whatever the clock shows', async () => {
  const versions = new GroupVersions(state().streams);
  expect(await versions.of('c1', 'g1', 'a', 1000)).toBe(1000);
  expect(await versions.of('c1', 'g1', 'a', 5000)).toBe(1000);
  expect(await versions.of('c1', 'g1', 'b', 500)).toBe(1001);
  expect(await versions.of('c1', 'g1', 'a', 500)).toBe(1002);
  expect(await versions.of('c1', 'g1', 'a', 9000)).toBe(1002);
});

it('keeps clients and Groups apart', async () => {
  const versions = new GroupVersions(state().streams);
  await versions.of('c1', 'g1', 'a', 1000);
  expect(await versions.of('c2', 'g1', 'b', 2000)).toBe(2000);
  expect(await versions.of('c1', 'g2', 'b', 3000)).toBe(3000);
  expect(await versions.of('c1', 'g1', 'a', 4000)).toBe(1000);
});

it('gives one version to one content and never one to two, however many processes race', async () => {
  const { streams } = state();
  const processes = Array.from({ length: 4 }, () => new GroupVersions(streams));
  const found = new Map<number, string>();
  for (let round = 0; round < 20; round++) {
    const contents = processes.map((_, i) => `${round}${'ab'[i % 2]}`);
    const given = await Promise.all(processes.map((one, i) => one.of('c1', 'g1', contents[i]!, 1000)));
    given.forEach((version, i) => {
      expect(found.get(version) ?? contents[i]).toBe(contents[i]);
      found.set(version, contents[i]!);
    });
    // What was asked for last keeps the newest version.
    const newest = Math.max(...found.keys());
    expect(await processes[0]!.of('c1', 'g1', found.get(newest)!, 1000)).toBe(newest);
  }
});

it('hashes parts one by one, and two parts differently from one', () => {
  const hash = (...parts: readonly unknown[]): string => {
    const content = new ContentHash();
    for (const part of parts) content.add(part);
    return content.digest();
  };
  expect(hash({ a: 1 }, 2)).toBe(hash({ a: 1 }, 2));
  expect(new Set([hash('1', '2'), hash('12'), hash('2', '1'), hash(['1', '2']), hash()]).size).toBe(5);
});
