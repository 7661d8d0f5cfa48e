import { expect, it } from 'vitest';
import { PA_CONSENT, type ServiceLevelMeasured } from '@provider-access/events';
import type { LogRecord, NewRecord } from '@provider-access/engines/log';
import type { Facts } from '@provider-access/facts';
import { BusinessCalendar } from '@provider-access/domain/pdex/service-levels';
import { openMemoryState } from '@provider-access/engines/state/memory';
import type { ServicePorts } from '@provider-access/service/http';
import { Metrics } from '@provider-access/service/observability';
import { published } from './consent-register.ts';
import { EffectiveLevels } from './effective-levels.ts';
import type { RegisterEntry } from './register.ts';

const NOW = Date.parse('2026-11-10T15:00:00.000Z');
const said = (id: string, ago: number, type: RegisterEntry['type'] = 'pa.opted-out.v1'): RegisterEntry => ({
  type,
  cause: { id, source: 's' },
  at: new Date(NOW - ago).toISOString(),
  data: {},
});
function record(offset: number, ...of: Parameters<typeof published>): LogRecord {
  const { key, headers, value } = published(...of);
  return { topic: PA_CONSENT, partition: 1, offset, key, headers, value: Buffer.from(value), timestamp: 0 };
}

function levels(
  options: { head?: number[]; passes?: (position: number) => boolean; state?: ReturnType<typeof openMemoryState> } = {},
) {
  const measured: ServiceLevelMeasured[] = [];
  const waited: (readonly number[])[] = [];
  const state = options.state ?? openMemoryState();
  const metrics = new Metrics();
  const log = {
    head: async () => ({ [PA_CONSENT]: options.head ?? [0, 0] }),
    append: async (_topic: string, records: readonly NewRecord[]) =>
      void measured.push(...records.map((one) => JSON.parse(String(one.value)) as ServiceLevelMeasured)),
  };
  const access = {
    waitForOursEverywhere: async (position: Record<string, readonly number[]>) => (
      waited.push(position[PA_CONSENT]!),
      options.passes?.(position[PA_CONSENT]![1]!) ?? true
    ),
  };
  const ports = { log, state, clock: { now: () => NOW }, metrics } as unknown as ServicePorts;
  const one = new EffectiveLevels(ports, { access } as unknown as Facts, new BusinessCalendar());
  const items = (): (readonly [number, number, number])[] => measured.flatMap((m) => m.days.flatMap((d) => d.items));
  return {
    one,
    items,
    waited,
    state,
    metrics,
    handle: (...records: LogRecord[]) => one.handle({ topic: PA_CONSENT, partition: 1, records }),
  };
}

it('measures each opt-out once, from its acceptance, when it is effective everywhere', async () => {
  const l = levels();
  await l.handle(
    record(5, 'm1', said('e1', 400)),
    record(6, 'm1', said('e2', 3000, 'pa.opted-in.v1')),
    record(7, 'm2', said('e3', 1001)),
  );
  expect(l.items()).toEqual([
    [5, 400, 1],
    [7, 1001, 0],
  ]);
  expect(l.waited).toEqual([
    [0, 6],
    [0, 8],
  ]);
  const metrics = await l.metrics.text();
  expect(metrics).toContain('pa_opt_out_effect_seconds_count 2');
  expect(metrics).toContain('pa_opt_out_effect_seconds_bucket{le="1"} 1');
});

it('does not measure a statement again under another id of the person, or when it is published twice', async () => {
  const l = levels();
  await l.handle(
    record(0, 'm1', said('e1', 10)),
    record(1, 'm1-old', said('e1', 10), true),
    record(2, 'm1', said('e1', 10)),
  );
  expect(l.items()).toEqual([[0, 10, 1]]);
  // The same batch again in another process: it is measured again at its place, and the view counts the place once.
  const again = levels({ state: l.state });
  await again.handle(record(0, 'm1', said('e1', 10)), record(2, 'm1', said('e1', 10)));
  expect(again.items()).toEqual([[0, 10, 1]]);
});

it('leaves out what was there before anybody measured, for every process alike', async () => {
  const first = levels({ head: [0, 4] });
  await first.one.onModuleInit();
  await first.handle(record(3, 'm1', said('e1', 90_000)), record(4, 'm2', said('e2', 100)));
  expect(first.items()).toEqual([[4, 100, 1]]);
  const second = levels({ head: [0, 9], state: first.state });
  await second.one.onModuleInit();
  await second.handle(record(5, 'm3', said('e3', 100)));
  expect(second.items()).toEqual([[5, 100, 1]]);
});

it('keeps the time of those that are effective while a later one has to wait', async () => {
  const l = levels({ passes: (next) => next < 3 });
  await expect(l.handle(record(1, 'm1', said('e1', 100)), record(2, 'm2', said('e2', 100)))).rejects.toThrow(
    'have not passed an opt-out everywhere',
  );
  expect(l.items()).toEqual([[1, 100, 1]]);
});

it('measures none again when a batch comes again for one that had to wait', async () => {
  let isThere = false;
  const l = levels({ passes: (next) => isThere || next < 3 });
  const batch = [record(1, 'm1', said('e1', 100)), record(2, 'm2', said('e2', 100))];
  await expect(l.handle(...batch)).rejects.toThrow('have not passed an opt-out everywhere');
  isThere = true;
  await l.handle(...batch);
  expect(l.items().map(([offset]) => offset)).toEqual([1, 2]);
  expect(await l.metrics.text()).toContain('pa_opt_out_effect_seconds_count 2');
});
