import { expect, test } from 'vitest';
import type { Batch } from '@provider-access/engines/log';
import { Metrics } from '@provider-access/service/observability';
import { OptOutEffect } from './opt-out-effect.ts';

const batch = (partition: number, offset: number): Batch => ({
  topic: 'payer.member-events',
  partition,
  records: [
    { topic: 'payer.member-events', partition, offset, key: 'm', headers: {}, value: new Uint8Array(), timestamp: 0 },
  ],
});

test('measures from the append to the effect everywhere, and asks again while there is none', async () => {
  const metrics = new Metrics();
  let now = 10_000;
  const waits: unknown[] = [];
  const answers = [false, true, true];
  const facts = {
    waitForPayerEverywhere: async (position: unknown) => {
      waits.push(position);
      now += 1000;
      return answers.shift()!;
    },
  };
  const effect = new OptOutEffect({ facts, clock: { now: () => now }, metrics });
  effect.handled(batch(1, 4), []);
  effect.handled(batch(1, 6), [9_600]);
  effect.handled(batch(0, 2), [9_900, 9_950]);
  await expect.poll(() => metrics.text()).toContain('pa_opt_out_effect_seconds_count 3');
  expect(waits).toEqual([
    { 'payer.member-events': [0, 7] },
    { 'payer.member-events': [0, 7] },
    { 'payer.member-events': [3, 7] },
  ]);
  // 12 s - 9.6 s, then 13 s - 9.9 s and 13 s - 9.95 s.
  expect(await metrics.text()).toContain('pa_opt_out_effect_seconds_sum 8.55');
});
