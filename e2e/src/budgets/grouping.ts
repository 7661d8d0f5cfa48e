import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Item, PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { http, json, publishItems, type ViewStatus } from '../road.ts';

/** Files of the embedded engine that a thread copies the write-ahead log into: the log and the views. */
const COPIED_FILES = 2;

/** So long a group may take until what waits is committed before all of it is there, which adds a commit. */
const STUCK_MS = 20_000;

/** A platform that commits and copies when a test says so, and never because of the time. */
export interface Grouping {
  readonly env: Readonly<Record<string, string>>;
  /**
   * Publishes the events, so many at a time, and waits until the views have them. Each view commits one batch of each
   * partition, and one more if it has taken the first batch before the others came. All views commit together.
   * @param copyEvery the write-ahead logs are copied after so many groups
   */
  publish(platform: PlatformProcess, items: readonly Item[], together: number, copyEvery: number): Promise<void>;
  /** Lets the platform commit by the clock again, so that it can stop. */
  release(): Promise<void>;
}

/** @param file for the address of the platform's control */
export function grouping(file: string): Grouping {
  const module = pathToFileURL(join(import.meta.dirname, 'grouping.mjs'));
  module.searchParams.set('file', file);
  module.searchParams.set('engines', pathToFileURL(join(import.meta.dirname, '../../../libs/engines/dist/')).href);
  const ask = async <T>(path: string): Promise<T> => json<T>(await http(readFileSync(file, 'utf8') + path));

  const copy = async (): Promise<void> => {
    const { asked } = await ask<{ asked: number }>('/copy');
    await eventually(async () => (await ask<{ made: number }>('/copies')).made === asked * COPIED_FILES, {
      what: 'the write-ahead logs are copied',
    });
  };
  return {
    env: { NODE_OPTIONS: `--import=${module.href}` },
    publish: async (platform, items, together, copyEvery) => {
      for (let group = 0; group * together < items.length; group++) {
        const published = publishItems(platform, items.slice(group * together, (group + 1) * together));
        // The intake may wait for a view that has to commit first.
        while (!(await Promise.race([published.then(() => true), pause(STUCK_MS, false)]))) await ask('/commit');
        await commit(platform, ask);
        if ((group + 1) % copyEvery === 0) await copy();
      }
    },
    release: () => ask('/release'),
  };
}

/** Commits what waits, as soon as each view that is behind has its batch there, until all views have everything. */
async function commit(platform: PlatformProcess, ask: <T>(path: string) => Promise<T>): Promise<void> {
  for (;;) {
    const behind = await behindOf(platform);
    if (behind.size === 0) return;
    const next = await ask<Readonly<Record<string, number>>>('/next');
    const hasBatch = (places: ReadonlyMap<string, number>): boolean =>
      [...places].some(([place, position]) => (next[place] ?? 0) > position);
    if ([...behind.values()].every(hasBatch)) await ask('/commit');
    else await pause(5);
  }
}

type Behind = ReadonlyMap<string, ReadonlyMap<string, number>>;
/**
 * By views of the intake that are behind the head of a partition: their positions by such a partition. A view has one
 * batch at a time, of one partition.
 */
async function behindOf({ base, administratorToken: token }: PlatformProcess): Promise<Behind> {
  const answers = await Promise.all(
    ['resources', 'attribution'].map((service) => http(`${base}/ops/views/${service}`, { token })),
  );
  const behind = new Map<string, Map<string, number>>();
  for (const { view, position, head } of answers.flatMap((answer) => json<{ views: ViewStatus[] }>(answer).views)) {
    if (view.startsWith('audit_')) continue;
    for (const [topic, offsets] of Object.entries(head))
      offsets.forEach((offset, partition) => {
        const at = position.topics[topic]?.[partition] ?? 0;
        if (at >= offset) return;
        behind.set(view, (behind.get(view) ?? new Map()).set(`${view}/${topic}/${partition}`, at));
      });
  }
  return behind;
}
