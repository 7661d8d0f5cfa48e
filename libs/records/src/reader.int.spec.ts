import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { records, RecordsReader, recordId, type StoredRecord } from './index.ts';

const DAY = 86_400_000;
let log: MemoryLog;
let set: ProjectionSet;
let reader: RecordsReader;
let n = 0;

async function write(
  member: string,
  type: string,
  id: string,
  options: { day?: number; deleted?: boolean; references?: string[] } = {},
): Promise<void> {
  const at = new Date((options.day ?? 1) * DAY).toISOString();
  const common = { member, type, id, versionId: 1, lastUpdated: at, businessTime: at, sequence: 0 };
  const data =
    options.deleted === true
      ? { ...common, reason: 'deleted' }
      : {
          ...common,
          contentHash: 'h',
          references: options.references ?? [],
          tokens: [],
          line: JSON.stringify({ resourceType: type, id }),
        };
  const name = options.deleted === true ? 'pa.record-deleted.v1' : 'pa.record-accepted.v1';
  await log.append(PA_RECORDS, [
    encodeEvent(
      { id: `e${(n += 1)}`, source: '/resources', type: name, time: at, data },
      { key: recordId(member, type, id), partitionKey: member },
    ),
  ]);
}
async function settled(): Promise<void> {
  const head = await log.head([PA_RECORDS]);
  for (const view of [reader.views.records])
    if (!(await view.waitFor(head, 60_000))) throw new Error('the views did not settle');
}
const names = async (found: AsyncIterable<StoredRecord>): Promise<string[]> => {
  const all: string[] = [];
  for await (const r of found) all.push(`${r.type}/${r.id}${r.deleted ? ' gone' : ''}`);
  return all;
};

beforeEach(async () => {
  log = openMemoryLog();
  const views = openMemoryViews();
  set = new ProjectionSet({ log, views, projections: [records] });
  await set.start();
  reader = new RecordsReader(views);
});
afterEach(async () => {
  await set.stop();
  await log.close();
});

describe('RecordsReader', () => {
  it('scans one member in (type, id) order, narrowed by type, time and deletes', async () => {
    await write('m1', 'Observation', 'o1', { day: 3 });
    await write('m1', 'Condition', 'c2', { day: 1 });
    await write('m1', 'Condition', 'c1', { day: 2 });
    await write('m1', 'Condition', 'c3', { day: 1 });
    await write('m1', 'Condition', 'c3', { day: 4, deleted: true });
    await write('m10', 'Condition', 'other');
    await settled();
    expect(await names(reader.scanMember('m1'))).toEqual(['Condition/c1', 'Condition/c2', 'Observation/o1']);
    expect(await names(reader.scanMember('m1', { types: ['Observation', 'Patient'] }))).toEqual(['Observation/o1']);
    expect(await names(reader.scanMember('m1', { since: 2 * DAY }))).toEqual(['Condition/c1', 'Observation/o1']);
    expect(await names(reader.scanMember('m1', { since: 3 * DAY, deleted: true }))).toEqual([
      'Condition/c3 gone',
      'Observation/o1',
    ]);
    expect(await names(reader.scanMember('nobody'))).toEqual([]);
  });

  it('reads lines as they were accepted, and no deleted one', async () => {
    for (const id of ['a', 'b', 'c', 'd']) await write('m1', 'Condition', id);
    await write('m1', 'Condition', 'b', { day: 2, deleted: true });
    await settled();
    expect(Buffer.from((await reader.byTypeId('m1', 'Condition', 'a'))!.line).toString()).toBe(
      '{"resourceType":"Condition","id":"a"}',
    );
    expect(await reader.byTypeId('m1', 'Condition', 'b')).toBeUndefined();
  });

  it('finds who has an id', async () => {
    await write('m1', 'Condition', 'c1');
    await write('m1', 'Medication', 'x', { day: 1 });
    await write('m2', 'Medication', 'x', { day: 2 });
    await write('m2', 'Condition', 'gone');
    await write('m2', 'Condition', 'gone', { day: 2, deleted: true });
    await settled();
    expect(await reader.holders('Condition', 'c1')).toEqual(['m1']);
    expect(await reader.holders('Condition', 'gone')).toEqual([]);
    expect(await reader.holders('Medication', 'x')).toEqual(['m2', 'm1']);
  });
});

it('finds a prior authorization entered in error by its id alone, and in no scan of live records', async () => {
  const at = new Date(DAY).toISOString();
  const data = {
    ...{ member: 'm1', type: 'ExplanationOfBenefit', id: 'pa1', versionId: 2, lastUpdated: at, businessTime: at },
    ...{ sequence: 0, reason: 'entered-in-error', enteredInError: '{"status":"entered-in-error"}' },
  };
  await log.append(PA_RECORDS, [
    encodeEvent(
      { id: 'error', source: '/resources', type: 'pa.record-deleted.v1', time: at, data },
      { key: recordId('m1', 'ExplanationOfBenefit', 'pa1'), partitionKey: 'm1' },
    ),
  ]);
  await settled();
  expect(await reader.byTypeId('m1', 'ExplanationOfBenefit', 'pa1')).toBeUndefined();
  const current = (await reader.current('m1', 'ExplanationOfBenefit', 'pa1'))!;
  expect([current.deleted, Buffer.from(current.line).toString()]).toEqual([true, '{"status":"entered-in-error"}']);
  expect(await reader.owners('ExplanationOfBenefit', 'pa1')).toEqual({ holders: [], former: ['m1'] });
  expect(await names(reader.scanMember('m1'))).toEqual([]);
  expect(await names(reader.scanMember('m1', { since: 0 }))).toEqual([]);
});
