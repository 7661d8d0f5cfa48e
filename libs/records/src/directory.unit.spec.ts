import { afterEach, expect, it } from 'vitest';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { directory, directoryEntries } from './directory.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
const NPI = '1234567893';
const organization = (name: string, npi?: string): string =>
  JSON.stringify({
    resourceType: 'Organization',
    id: 'o1',
    name,
    ...(npi !== undefined && { identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: npi }] }),
  });

interface Said {
  readonly at: number;
  readonly line?: string;
  readonly member?: string;
  readonly type?: string;
}
async function entriesAfter(...said: readonly Said[]): Promise<readonly { readonly name: string }[]> {
  const [log, views] = [openMemoryLog(), openMemoryViews()];
  ends.push(() => log.close());
  const set = new ProjectionSet({ log, views, projections: [directory] });
  await set.start();
  ends.push(() => set.stop());
  for (const { at, line, member = 'shared', type = 'Organization' } of said) {
    const time = new Date(at).toISOString();
    const data = {
      member,
      type,
      id: 'o1',
      versionId: at,
      lastUpdated: time,
      businessTime: time,
      sequence: 0,
      ...(line === undefined ? { reason: 'deleted' } : { contentHash: 'x', references: [], tokens: [], line }),
    };
    const record = encodeEvent({
      id: `e${at}`,
      source: 'test',
      type: line === undefined ? 'pa.record-deleted.v1' : 'pa.record-accepted.v1',
      time,
      subject: member,
      data,
    });
    await log.append(PA_RECORDS, [{ ...record, key: `${member}/${type}/o1`, partitionKey: member }]);
  }
  const reader = views.reader(directory);
  expect(await reader.waitFor(await log.head([PA_RECORDS]), 60_000)).toBe(true);
  return directoryEntries(reader, `npi|${NPI}`);
}

it('knows whose an NPI is by the newest version, in whatever order versions arrive', async () => {
  expect(
    await entriesAfter({ at: 1, line: organization('Old', NPI) }, { at: 2, line: organization('New', NPI) }),
  ).toEqual([{ resource: 'Organization/o1', name: 'New' }]);
  expect(
    await entriesAfter({ at: 2, line: organization('New', NPI) }, { at: 1, line: organization('Old', NPI) }),
  ).toEqual([{ resource: 'Organization/o1', name: 'New' }]);
});
it('forgets an identifier that was taken away, and a resource that was deleted', async () => {
  expect(await entriesAfter({ at: 1, line: organization('A', NPI) }, { at: 2, line: organization('A') })).toEqual([]);
  expect(await entriesAfter({ at: 1, line: organization('A', NPI) }, { at: 2 })).toEqual([]);
  expect(await entriesAfter({ at: 2 }, { at: 1, line: organization('A', NPI) })).toEqual([]);
});
it('reads nothing of members and of other types', async () => {
  const line = organization('A', NPI);
  expect(await entriesAfter({ at: 1, line, member: 'm1' }, { at: 2, line, type: 'Location' })).toEqual([]);
});
