import { describe, expect, it, vi } from 'vitest';
import { type AuditEntry, dataOf, type Disclosure, encodeEvent, PA_AUDIT } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { ProjectionSet, type ViewReader } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import type { Decision } from '@provider-access/domain/access';
import { instant } from '@provider-access/kernel';
import { Audit, basisOf } from './audit.ts';
import { auditRecordOf, type DisclosureOf, disclosures } from './disclosures.ts';
import { disclosureOf, findDisclosures, recallsOf, type StoredDisclosure } from './find-disclosures.ts';

/** Disclosures of a member, newest first, at most `limit`. */
async function disclosuresOf(reader: ViewReader, member: string, limit: number): Promise<readonly DisclosureOf[]> {
  const { found } = await findDisclosures(reader, { member }, { count: limit });
  return found.map((one) => disclosureOf(one, member));
}

const clock = { now: () => Date.UTC(2026, 0, 1) };
const entry = (members: string[], client = 'c1'): AuditEntry => ({
  client,
  action: 'read',
  outcome: 'released',
  members,
  resources: 1,
  types: ['Patient'],
});

describe('audit', () => {
  it('is durable when record resolves; concurrent calls share appends', async () => {
    const log = openMemoryLog();
    let appends = 0;
    const { append } = log;
    log.append = (...args) => {
      appends++;
      return append.apply(log, args);
    };
    const audit = new Audit({ log, clock });
    await Promise.all(Array.from({ length: 100 }, (_, i) => audit.record(entry([`m${i}`]))));
    expect(appends).toBe(1);
    await audit.record(entry(['m']));
    expect((await log.head([PA_AUDIT]))[PA_AUDIT]!.reduce((a, b) => a + b)).toBe(101);
    await log.close();
  });

  it('gives its views what is in the log, whatever a caller does with its lists afterwards', async () => {
    const log = openMemoryLog();
    const audit = new Audit({ log, clock });
    const members = ['m1', 'm2'];
    const perMember = [3, 4];
    await audit.record({ ...entry(members), resources: 7, perMember, reason: undefined } as never);
    members.length = 0;
    perMember[0] = 99;
    const records = [];
    for (let p = 0; p < (await log.partitions(PA_AUDIT)); p++) records.push(...(await log.read(PA_AUDIT, p, 0, 10)));
    expect(records).toHaveLength(1);
    const kept = JSON.stringify(auditRecordOf(records[0]!).entry);
    expect(JSON.parse(kept)).toEqual(dataOf(records[0]!));
    await log.close();
  });

  it('dates an entry by its decision, and says when it was written (P11)', async () => {
    const log = openMemoryLog();
    const ahead = instant(clock.now() + 60_000);
    const audit = new Audit({ log, clock, decidedOf: (of) => (of.includes('m1') ? { at: ahead } : undefined) });
    await Promise.all([audit.record(entry(['m0', 'm1'])), audit.release(entry(['m1'])), audit.record(entry(['m2']))]);
    const records = [];
    for (let p = 0; p < (await log.partitions(PA_AUDIT)); p++) records.push(...(await log.read(PA_AUDIT, p, 0, 10)));
    const now = instant(clock.now());
    const times = records.map(({ value, headers }) => [JSON.parse(String(Buffer.from(value))).at, headers['ce_time']]);
    expect(times.toSorted()).toEqual([ahead, ahead, now].toSorted().map((at) => [at, now]));
    await log.close();
  });

  it('says how far the facts of the decisions had been read, for each member of an entry (P11)', async () => {
    const log = openMemoryLog();
    const views = openMemoryViews();
    const projections = new ProjectionSet({ log, views, projections: [disclosures] });
    const members = Array.from({ length: 600 }, (_, n) => `m${n}`);
    const ofParties = { 'pa.registry': [4, -1] };
    const read = (of: readonly string[]) => ({
      ofMembers: { 'pa.consent': of.map((member) => Number(member.slice(1))) },
      ofParties,
    });
    const at = instant(clock.now());
    const audit = new Audit({
      log,
      clock,
      decidedOf: (of) => (of.includes('none') ? undefined : { at, read: read(of) }),
    });
    await audit.record(entry(['m7', ...members]));
    await audit.record(entry(['none']));
    await audit.refuse(
      { client: 'c1', action: 'read', reason: 'opted-out', members: ['m9'] },
      { at, read: read(['m3']) },
    );
    // Not about the members of its entry, and of a form that nobody knows.
    for (const paread of [JSON.stringify(read([])), '{"ofMembers":7}', 'none']) {
      const data: Disclosure = { ...entry(['odd']), at };
      const event = { id: paread, source: 'urn:test', type: 'pa.disclosure.v1', time: at, subject: 'c1', data };
      await log.append(PA_AUDIT, [encodeEvent({ ...event, extensions: { paread } }, { key: 'c1' })]);
    }
    await projections.start();
    const reader = views.reader(disclosures);
    await reader.waitFor(await log.head([PA_AUDIT]), 60_000);
    const found = async (member: string) => {
      const page = await findDisclosures(reader, { member }, { count: 10 });
      return page.found.map(
        ({ disclosure: { members: of }, read: until }) => until?.ofMembers['pa.consent']![of.indexOf(member)],
      );
    };
    expect([await found('m7'), await found('m251'), await found('m599')]).toEqual([[7], [251], [599]]);
    // Two entries of one instant have no order.
    expect([await found('none'), (await found('m9')).toSorted()]).toEqual([[undefined], [3, 9]]);
    expect(await found('odd')).toEqual([undefined, undefined, undefined]);
    const [{ read: last, ...one }] = (await findDisclosures(reader, { member: 'm599' }, { count: 1 })).found as [
      StoredDisclosure,
    ];
    expect([last?.ofParties, last?.ofMembers['pa.consent']!.length]).toEqual([ofParties, 100]);
    expect(JSON.stringify([one, disclosureOf(one, 'm599')])).not.toContain('ofParties');
    await projections.stop();
    await views.close();
    await log.close();
  });

  it('waits for as many entries as were just answered, and only for a while', async () => {
    const log = openMemoryLog();
    const sizes: number[] = [];
    const { append } = log;
    log.append = (topic, records) => {
      sizes.push(records.length);
      return append.call(log, topic, records);
    };
    const audit = new Audit({ log, clock });
    const record = (): Promise<void> => audit.record(entry(['m']));
    const turns = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    await Promise.all([record(), record(), record()]);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const first = record();
    await turns();
    expect(sizes).toEqual([3]);
    const others = [record(), record()];
    await Promise.all([first, ...others]);
    expect(sizes).toEqual([3, 3]);
    const alone = record();
    await turns();
    expect(sizes).toEqual([3, 3]);
    vi.advanceTimersByTime(2);
    await alone;
    await record();
    expect(sizes).toEqual([3, 3, 1, 1]);
    // An append of long ago says nothing.
    await Promise.all([record(), record()]);
    vi.advanceTimersByTime(1000);
    await record();
    expect(sizes).toEqual([3, 3, 1, 1, 2, 1]);
    vi.useRealTimers();
    await log.close();
  });

  it('M36, M37: names the Groups that permitted, by attribution and by attestation, each once', () => {
    const permit = (attributions: readonly string[], attestations?: readonly string[]): Decision =>
      ({
        permit: true,
        attributions: attributions.map((group) => ({ group })),
        ...(attestations && { attestations: attestations.map((group) => ({ group })) }),
      }) as unknown as Decision;
    expect(basisOf([permit(['g1'])])).toEqual({ basis: ['g1'] });
    expect(basisOf([permit([], ['match-1'])])).toEqual({ basis: ['match-1'] });
    expect(basisOf([permit(['g1'], ['match-1', 'g1']), undefined, permit([], ['match-1'])])).toEqual({
      basis: ['g1', 'match-1'],
    });
    const many = Array.from({ length: 30 }, (_, n) => `g${n}`);
    expect(basisOf([permit([], many)]).basis).toHaveLength(20);
  });

  it('refuses with 503 when it cannot be recorded, and records again afterwards', async () => {
    const log = openMemoryLog();
    const audit = new Audit({ log, clock });
    log.faults.away = true;
    await expect(audit.record(entry(['m1']))).rejects.toMatchObject({ kind: 'unavailable', status: 503 });
    log.faults.away = false;
    await audit.record(entry(['m1']));
    await log.close();
  });

  it('lists each disclosure of a member once, and none of other members', async () => {
    const [log, views] = [openMemoryLog(), openMemoryViews()];
    const set = new ProjectionSet({ log, views, projections: [disclosures] });
    await set.start();
    const audit = new Audit({ log, clock });
    await audit.record({ ...entry(['m1', 'm2']), perMember: [1, 7], resources: 8 });
    await audit.record({ ...entry([], 'c2'), outcome: 'refused', reason: 'not-attributed' });
    const reader = views.reader(disclosures);
    expect(await reader.waitFor(await log.head([PA_AUDIT]), 60_000)).toBe(true);
    expect(await disclosuresOf(reader, 'm1', 10)).toEqual([
      {
        id: expect.stringMatching(/^2026-01-01T00:00:00\.000Z\/[0-9a-f-]{36}\/0$/) as string,
        client: 'c1',
        purpose: 'TREAT',
        action: 'read',
        outcome: 'released',
        resources: 1,
        types: ['Patient'],
        member: 'm1',
        at: '2026-01-01T00:00:00.000Z',
      },
    ]);
    expect(await disclosuresOf(reader, 'm3', 10)).toEqual([]);
    // The refusal without a member has a document too, for a search by client.
    expect(await views.store.count(disclosures)).toBe(2);
    await set.stop();
    await log.close();
  });

  it('joins the marks of recalls, each once, also if a member has many looks of operators', async () => {
    const [log, views] = [openMemoryLog(), openMemoryViews()];
    const set = new ProjectionSet({ log, views, projections: [disclosures] });
    await set.start();
    const audit = new Audit({ log, clock });
    const about = { client: 'administrator', outcome: 'released' as const, resources: 0 };
    const looked = { ...about, action: 'explain' as const, members: ['m1'] };
    const mark = (member: string, name: string, entries: string[]): Promise<void> =>
      audit.record({ ...about, action: 'recall', members: [member], recall: { name, entries } });
    await mark('m1', 'b', ['e1', 'e2']);
    for (let n = 0; n < 250; n++) await audit.record(looked);
    await mark('m1', 'b', ['e1']);
    await mark('m1', 'a', ['e1']);
    await mark('m2', 'c', ['e1']);
    const reader = views.reader(disclosures);
    expect(await reader.waitFor(await log.head([PA_AUDIT]), 60_000)).toBe(true);
    expect(await recallsOf(reader, 'm1')).toEqual(
      new Map([
        ['e1', ['a', 'b']],
        ['e2', ['b']],
      ]),
    );
    expect(await recallsOf(reader, 'm3')).toEqual(new Map());
    await set.stop();
    await log.close();
  });

  it('counts the released resources of each member; an old entry keeps its common count', async () => {
    const [log, views] = [openMemoryLog(), openMemoryViews()];
    const set = new ProjectionSet({ log, views, projections: [disclosures] });
    await set.start();
    // Entries of an earlier version, without `perMember` and perhaps with duplicate members.
    const before = async (n: number, data: Omit<Disclosure, 'at' | 'client' | 'action'>): Promise<void> => {
      const at = `2025-12-31T00:00:0${n}.000Z`;
      await log.append(PA_AUDIT, [
        encodeEvent({
          id: `old-${n}`,
          source: 'urn:provider-access',
          type: 'pa.disclosure.v1',
          time: at,
          subject: 'c1',
          data: { client: 'c1', action: 'search', ...data, at },
        }),
      ]);
    };
    await before(1, { outcome: 'released', members: ['m1', 'm2', 'm1'], resources: 9 });
    await before(2, { outcome: 'released', members: ['m1'], resources: 3 });
    await before(3, { outcome: 'refused', reason: 'opted-out', members: ['m1', 'm2'], resources: 0 });
    const many = Array.from({ length: 600 }, (_, i) => `n${i}`);
    const audit = new Audit({ log, clock });
    await audit.record({ ...entry([...many, 'm1']), perMember: [...many.map((_, i) => i), 42], resources: 1 });
    const reader = views.reader(disclosures);
    expect(await reader.waitFor(await log.head([PA_AUDIT]), 60_000)).toBe(true);
    const counts = async (member: string): Promise<unknown[]> =>
      (await disclosuresOf(reader, member, 10)).map(({ at, outcome, resources }) => [
        at.slice(0, 19),
        outcome,
        resources,
      ]);
    expect(await counts('m1')).toEqual([
      ['2026-01-01T00:00:00', 'released', 42],
      ['2025-12-31T00:00:03', 'refused', 0],
      ['2025-12-31T00:00:02', 'released', 3],
      ['2025-12-31T00:00:01', 'released', undefined],
    ]);
    expect(await counts('m2')).toEqual([
      ['2025-12-31T00:00:03', 'refused', 0],
      ['2025-12-31T00:00:01', 'released', undefined],
    ]);
    expect([await counts('n0'), await counts('n599')]).toEqual([
      [['2026-01-01T00:00:00', 'released', 0]],
      [['2026-01-01T00:00:00', 'released', 599]],
    ]);
    // Three documents for 601 members.
    expect(await views.store.count(disclosures)).toBe(6);
    await set.stop();
    await log.close();
  });
});
