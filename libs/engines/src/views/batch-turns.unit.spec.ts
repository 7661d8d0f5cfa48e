import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Batch } from '../log/index.ts';
import { BatchTurns, type BatchTurnsOptions } from './batch-turns.ts';
import { CheckpointMoved } from './store.ts';

const batch = (partition: number): Batch => ({ topic: 't', partition, records: [] });
const moved = (): CheckpointMoved => CheckpointMoved.from('view', { topic: 't', partition: 0, from: 0 });

/** Notes what runs, and the most batches that ran at the same time. */
function turns(
  fail: (batch: Batch) => Error | undefined = () => undefined,
  options: Partial<BatchTurnsOptions<string>> = {},
) {
  const events: string[] = [];
  const most = { together: 0 };
  let running = 0;
  let last: Promise<unknown> = Promise.resolve();
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const run = last.then(work);
    last = run.catch(() => undefined);
    return run;
  };
  const made = new BatchTurns<string>({
    exclusive,
    writerFor: async () => 'writer',
    once: async (of) => {
      running++;
      most.together = Math.max(most.together, running);
      events.push(`once ${of.partition}`);
      for (let i = 0; i < 3; i++) await nextTurn();
      running--;
      const error = fail(of);
      if (error !== undefined) throw error;
      events.push(`done ${of.partition}`);
    },
    alone: async (of) => {
      expect(running).toBe(0);
      events.push(`alone ${of.partition}`);
    },
    ...options,
  });
  return { turns: made, exclusive, events, most };
}

it('handles the batches of several partitions together that wait for a turn', async () => {
  const { turns: all, exclusive, most } = turns();
  let finish = (): void => undefined;
  void exclusive(() => new Promise<void>((resolve) => (finish = resolve)));
  await nextTurn();
  const handled = [0, 1, 2].map((partition) => all.handle(batch(partition)));
  await nextTurn();
  expect(most.together).toBe(0);
  finish();
  await Promise.all(handled);
  expect(most.together).toBe(3);
});

it('handles two batches of one partition one after the other', async () => {
  const { turns: all, events } = turns();
  await Promise.all([all.handle(batch(0)), all.handle(batch(1)), all.handle(batch(0))]);
  expect(events).toEqual(['once 0', 'once 1', 'done 0', 'done 1', 'once 0', 'done 0']);
});

it('repeats a batch whose checkpoint moved alone, after all others', async () => {
  const { turns: all, events } = turns(({ partition }) => (partition === 0 ? moved() : undefined));
  await Promise.all([0, 1].map((partition) => all.handle(batch(partition))));
  expect(events).toEqual(['once 0', 'once 1', 'done 1', 'alone 0']);
});

it('rejects a batch that fails, and no other', async () => {
  const { turns: all } = turns(({ partition }) => (partition === 1 ? new Error('poison') : undefined));
  const results = await Promise.allSettled([0, 1, 2].map((partition) => all.handle(batch(partition))));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('rejects a batch without a writer, and handles the others', async () => {
  const { turns: all, events } = turns(undefined, {
    writerFor: async ({ partition }) => {
      if (partition === 0) throw new Error('away');
      return 'writer';
    },
  });
  const results = await Promise.allSettled([0, 1].map((partition) => all.handle(batch(partition))));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(events).toEqual(['once 1', 'done 1']);
});
