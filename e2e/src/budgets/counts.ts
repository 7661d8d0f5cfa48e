import { readFileSync, rmSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type { PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';

/** What a platform has done since it started, in all its threads. */
export interface Counts {
  /** Executed statements, without those that begin and end a transaction. */
  readonly sqlite: number;
  /** Those of the thread that answers requests. */
  readonly servingSqlite: number;
  readonly parses: number;
  /** Parses of a text that contains `MARK`. */
  readonly markedParses: number;
  readonly stringifies: number;
  readonly stringifiedBytes: number;
  /** Commits that call fsync while the thread that answers requests waits. Some of them write nothing. */
  readonly blockingCommits: number;
  /** Bytes that the process gave the file system to write. */
  readonly written: number;
}
/** Stands in the counted events. */
export const MARK = 'counted-by-the-budgets';

/** @returns a variable with which a platform counts, and what reads its counts from `file` */
export function counting(file: string): {
  readonly env: Readonly<Record<string, string>>;
  counts(platform: PlatformProcess): Promise<Counts>;
} {
  const module = pathToFileURL(join(import.meta.dirname, 'counter.mjs'));
  module.searchParams.set('file', file);
  return {
    env: { NODE_OPTIONS: `--import=${module.href}` },
    counts: async ({ pid }) => {
      rmSync(file, { force: true });
      process.kill(pid, 'SIGUSR2');
      const found = await eventually(() => JSON.parse(readFileSync(file, 'utf8')) as Omit<Counts, 'written'>, {
        what: 'the platform reports its counts',
      });
      return { ...found, written: writtenBy(pid) };
    },
  };
}

/** procfs(5), /proc/pid/io: a page is counted each time it becomes dirty. */
export const writtenBy = (pid: number): number =>
  Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);

/** @returns each count of `a` combined with the one of `b` */
export const combined = (a: Counts, b: Counts, combine: (a: number, b: number) => number): Counts =>
  Object.fromEntries(
    Object.entries(a).map(([name, count]) => [name, combine(count, b[name as keyof Counts])]),
  ) as unknown as Counts;

/** @returns what was done between two reports */
export const between = (before: Counts, after: Counts): Counts => combined(after, before, (a, b) => a - b);

/** What one of `units` events costs. */
export const each = (all: Counts, units: number): Counts => combined(all, all, (count) => count / units);
