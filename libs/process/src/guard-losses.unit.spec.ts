import { expect, test } from 'vitest';
import { encodeEvent } from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { eventually } from '@provider-access/testing';
import { guardLosses } from './guard-losses.ts';

const M = 'payer.member-events';
const given = (n: number) => ({ key: `${n}`, partitionKey: 'k', headers: {}, value: String(n) });
const accepts = (restore: string) =>
  encodeEvent({
    id: `${restore}/accepted`,
    source: 'urn:provider-access:admin',
    type: 'pa.restore-accepted.v1',
    time: '2026-03-01T00:00:00Z',
    subject: restore,
    data: { restore, by: 'a', reason: 'b', at: '2026-03-01T00:00:00Z' },
  });
async function following(log: EventLog) {
  const seen: string[] = [];
  const subscription = await log.subscribe({
    group: 'consent-intake',
    topics: [M],
    handle: async ({ records }) => void seen.push(...records.map(({ key }) => key)),
  });
  return { seen, subscription };
}

test('a loss stops the group until the registry says that exactly this loss is accepted', async () => {
  const first = openMemoryLog({ partitions: 1 });
  let log: EventLog = first;
  await log.append(M, [given(0)]);
  const before = await following(guardLosses(log, 'consent', true));
  await eventually(() => before.seen.length === 1);
  await before.subscription.stop();
  await log.append(M, [given(1), given(2)]);
  await log.close();
  log = openMemoryLog({ data: first.data });
  // A log that was just opened does not know the group, as a broker does not know it.
  await log.trim!(M, Infinity);
  await log.append(M, [given(3)]);
  const after = await following(guardLosses(log, 'consent', true));
  await eventually(() => after.subscription.failure() !== undefined);
  // Another loss of the same group, which no operator has seen.
  await log.append('pa.registry', [accepts('loss/consent-intake/payer.member-events/0/1-2')]);
  await log.append('pa.registry', [accepts('loss/resources-intake/payer.member-events/0/1-3')]);
  for (let looks = 0; looks < 3; looks++) {
    await log.append(M, [given(4 + looks)]);
    await eventually(() => after.subscription.failure() !== undefined);
  }
  expect(after.seen).toEqual([]);
  await log.append('pa.registry', [accepts('loss/consent-intake/payer.member-events/0/1-3')]);
  await eventually(() => expect(after.seen).toEqual(['3', '4', '5', '6']));
  await after.subscription.stop();
  await log.close();
});

test('a view of superseded versions goes on behind those that expired, also if its group lost its offset', async () => {
  const log = openMemoryLog({ partitions: 1 });
  await log.append('pa.record-versions', [given(0), given(1)]);
  await log.trim!('pa.record-versions', Infinity);
  await log.append('pa.record-versions', [given(2)]);
  const seen: string[] = [];
  const subscription = await guardLosses(log, 'resources', true).subscribe({
    group: 'view/resources_versions_v1',
    topics: ['pa.record-versions'],
    handle: async ({ records }) => void seen.push(...records.map(({ key }) => key)),
  });
  await eventually(() => expect(seen).toEqual(['2']));
  await subscription.stop();
  await log.close();
});

test('a group without an offset is new if its service derived nothing, and has lost it otherwise', async () => {
  for (const [derived, expected] of [
    [false, ['1']],
    [true, []],
  ] as const) {
    const log = openMemoryLog({ partitions: 1 });
    await log.append(M, [given(0)]);
    await log.trim!(M, Infinity);
    await log.append(M, [given(1)]);
    if (derived) await log.append('pa.consent', [given(0)]);
    const { seen, subscription } = await following(guardLosses(log, 'consent', true));
    if (derived) await eventually(() => expect(subscription.failure()).toMatch(/retention removed records 0 to 0/));
    else await eventually(() => seen.length === 1);
    expect(seen).toEqual(expected);
    await subscription.stop();
    await log.close();
  }
});
