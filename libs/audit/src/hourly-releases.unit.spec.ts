import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Disclosure, PA_AUDIT, dataOf } from '@provider-access/events';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { Audit } from './audit.ts';
import { HourlyReleases } from './hourly-releases.ts';

const TEN = Date.UTC(2026, 0, 1, 10);
const HOUR = 3_600_000;
let log: MemoryLog;
let clock: { time: number; now(): number };
beforeEach(() => {
  log = openMemoryLog();
  clock = {
    time: TEN,
    now() {
      return this.time;
    },
  };
});
afterEach(() => log.close());

const release = (
  members: readonly string[],
  of: Pick<Partial<Disclosure>, 'action' | 'group' | 'job' | 'file'> = {},
) => ({
  client: 'c1',
  action: 'group-read' as const,
  members: [...members],
  perMember: members.map(() => 1),
  resources: 1,
  types: ['Group'],
  group: 'g1',
  ...of,
});
async function recorded(): Promise<Disclosure[]> {
  const all: Disclosure[] = [];
  for (let p = 0; p < (await log.partitions(PA_AUDIT)); p++)
    for (const { value } of await log.read(PA_AUDIT, p, 0, 1000)) all.push(dataOf<Disclosure>({ value }));
  return all;
}
const membersRecorded = async (): Promise<string[][]> => (await recorded()).map(({ members }) => members);

describe('releases of a Group', () => {
  it('is recorded once an hour, and then only for members who are not recorded yet', async () => {
    const audit = new Audit({ log, clock });
    for (let i = 0; i < 5; i++) await audit.release(release(['m1', 'm2']));
    await audit.release(release(['m2', 'm3']));
    expect(await recorded()).toMatchObject([
      {
        client: 'c1',
        action: 'group-read',
        outcome: 'released',
        members: ['m1', 'm2'],
        perMember: [1, 1],
        group: 'g1',
      },
      { members: ['m3'], perMember: [1] },
    ]);
    clock.time += HOUR;
    await audit.release(release(['m1']));
    expect(await membersRecorded()).toEqual([['m1', 'm2'], ['m3'], ['m1']]);
  });

  it('is recorded again when the clock steps back into another hour', async () => {
    const audit = new Audit({ log, clock });
    await audit.release(release(['m1']));
    clock.time -= 1;
    await audit.release(release(['m1']));
    clock.time += 1;
    await audit.release(release(['m1']));
    expect(await membersRecorded()).toEqual([['m1'], ['m1'], ['m1']]);
  });

  it.each<[string, Partial<Disclosure>]>([
    ['client', { client: 'c2' }],
    ['action', { action: 'group-search' }],
    ['Group', { group: 'g2' }],
    ['job', { job: 'j2' }],
    ['file', { file: 'Patient-0-0.ndjson' }],
  ])('is recorded for each %s', async (_, other) => {
    const audit = new Audit({ log, clock });
    await audit.release(release(['m1']));
    await audit.release(release(['m1'], other));
    expect(await membersRecorded()).toEqual([['m1'], ['m1']]);
  });

  it('without members is recorded once too', async () => {
    const audit = new Audit({ log, clock });
    for (let i = 0; i < 3; i++) await audit.release(release([]));
    expect(await membersRecorded()).toEqual([[]]);
  });

  it('is recorded by each process, and by a process that was started again', async () => {
    await new Audit({ log, clock }).release(release(['m1']));
    await new Audit({ log, clock }).release(release(['m1']));
    expect(await membersRecorded()).toEqual([['m1'], ['m1']]);
  });

  it('is refused when it cannot be recorded, and the next request records it', async () => {
    const audit = new Audit({ log, clock });
    log.faults.away = true;
    const refused = await Promise.allSettled([audit.release(release(['m1'])), audit.release(release(['m1']))]);
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    log.faults.away = false;
    await audit.release(release(['m1']));
    expect(await membersRecorded()).toEqual([['m1']]);
  });

  it('is answered to none of several requests before it is durable, and is written once', async () => {
    const { append } = log;
    let durable = 0;
    const order: string[] = [];
    log.append = async (...args) => {
      const result = await append.apply(log, args);
      durable += 1;
      order.push('durable');
      return result;
    };
    const audit = new Audit({ log, clock });
    await Promise.all(
      Array.from({ length: 20 }, () => audit.release(release(['m1'])).then(() => order.push('answered'))),
    );
    expect([durable, order[0], order.length]).toEqual([1, 'durable', 21]);
  });

  it('costs as much for 100 reads as for one', async () => {
    const audit = new Audit({ log, clock });
    const members = Array.from({ length: 2000 }, (_, i) => `m-${String(i).padStart(6, '0')}`);
    for (let i = 0; i < 100; i++) await audit.release(release(members));
    let bytes = 0;
    for (let p = 0; p < (await log.partitions(PA_AUDIT)); p++)
      for (const { value } of await log.read(PA_AUDIT, p, 0, 1000)) bytes += value.byteLength;
    // Each member needs 13 bytes: the quoted id, a count and two commas. The rest of the entry has fewer than 500.
    expect(bytes).toBeLessThan(2000 * 13 + 500);
  });

  it('remembers a bounded number of members, and records those of forgotten windows again', async () => {
    const releases = new HourlyReleases(clock, 5);
    const written: string[] = [];
    const once = (group: string, members: string[]) =>
      releases.once(
        { ...release(members, { group }), outcome: 'released' },
        async (entry) => void written.push(`${group}:${entry.members.join()}`),
      );
    await once('g1', ['a', 'b']);
    await once('g2', ['a', 'b', 'c']);
    await once('g1', ['a', 'b']);
    expect(written).toEqual(['g1:a,b', 'g2:a,b,c']);
    await once('g3', ['a']);
    await once('g1', ['a', 'b']);
    await once('g2', ['a', 'b', 'c']);
    expect(written).toEqual(['g1:a,b', 'g2:a,b,c', 'g3:a', 'g2:a,b,c']);
  });
});
