import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  deadLetterTopic,
  type DomainEvent,
  encodeEvent,
  PA_MEMBERS,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  PROGRESS_TYPE,
} from '@provider-access/events';
import { groups } from '@provider-access/facts';
import { openMemoryState } from '@provider-access/engines/state/memory';
import {
  attributed,
  coverageOf,
  enrolled,
  Harness,
  inNetwork,
  NPI,
  panel,
  payerEvent,
  START,
} from '../test/harness.ts';
import { members, onlyGroup, typed } from '../test/groups.ts';
import type { GroupIdentity } from './domain/decide-member-event.ts';
import { GroupDirectory } from './intake/group-directory.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

describe('intake', () => {
  const outcomes = async (): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const p of await typed(h, 'pa.attribution', PROGRESS_TYPE))
      for (const o of (p['outcomes'] ?? []) as { counts: Record<string, number> }[])
        for (const [k, v] of Object.entries(o.counts)) counts[k] = (counts[k] ?? 0) + v;
    return counts;
  };
  const receipt = { extensions: { pareceipt: 'r-1' } };

  it('tells news from repetitions and from events that a later one has overtaken', async () => {
    const first = { ...enrolled('m1'), ...receipt };
    await h.publish(first, first, { ...first, id: 'other', time: '2020-01-01T00:00:00Z' });
    // The third one states the same with an older time.
    expect(await outcomes()).toEqual({ recorded: 1, unchanged: 2 });
    expect(await typed(h, PA_MEMBERS, 'pa.coverage-changed.v1')).toHaveLength(1);
  });

  it('parks what is at fault, with its reason, and denies until it is discarded', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    await h.publish({
      ...payerEvent('payer.attribution-ended.v1', 'm1', { provider: { npi: 'not an npi' }, to: '2025-06-01' }),
      ...receipt,
    });
    expect((await onlyGroup(h, app)).quantity).toBe(0);
    const [letter] = await typed(h, deadLetterTopic(PAYER_MEMBER_EVENTS), 'pa.event-parked.v1');
    expect(letter).toMatchObject({ reason: 'invalid-data', parkedBy: 'attribution' });
    expect(await outcomes()).toEqual({ parked: 1 });
    const deadLetter = letter!['deadLetter'] as string;
    await h.log.append(deadLetterTopic(PAYER_MEMBER_EVENTS), [
      encodeEvent({
        id: 'd',
        source: 'urn:provider-access:resources',
        type: 'pa.dead-letter-discarded.v1',
        time: '2026-06-01T12:00:00.000Z',
        subject: deadLetter,
        data: { deadLetter, by: 'payer', reason: 'test', at: '2026-06-01T12:00:00.000Z' },
      }),
    ]);
    await expect.poll(async () => (await onlyGroup(h, app)).quantity).toBe(1);
  });

  const discard = async (topic: string, deadLetter: string): Promise<void> => {
    await h.log.append(deadLetterTopic(topic), [
      encodeEvent({
        id: 'd',
        source: 'urn:provider-access:resources',
        type: 'pa.dead-letter-discarded.v1',
        time: '2026-06-01T12:00:00.000Z',
        subject: deadLetter,
        data: { deadLetter, by: 'payer', reason: 'test', at: '2026-06-01T12:00:00.000Z' },
      }),
    ]);
  };
  const put = async (topic: string, event: DomainEvent, key = event.subject): Promise<void> => {
    await h.log.append(topic, [
      encodeEvent({ ...event, extensions: { pareceipt: 'r-1', ...event.extensions } }, { key: key! }),
    ]);
    await h.facts.access.waitForPayer(await h.payerHead(), 60_000);
    await h.settle();
  };

  it.each([
    ['among provider events', PAYER_PROVIDER_EVENTS, 'm1', 'wrong-topic'],
    ['under the key of another member', PAYER_MEMBER_EVENTS, 'm2', 'key-names-another-member'],
  ])('parks and holds an end %s until it is discarded', async (_, topic, key, reason) => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    await put(topic, payerEvent('payer.attribution-ended.v1', 'm1', { provider: { npi: NPI }, to: '2025-06-01' }), key);
    const [letter, ...others] = await typed(h, deadLetterTopic(topic), 'pa.event-parked.v1');
    expect([letter!['reason'], letter!['parkedBy'], others]).toEqual([reason, 'attribution', []]);
    expect((await onlyGroup(h, app)).quantity).toBe(0);
    await discard(topic, letter!['deadLetter'] as string);
    await expect.poll(async () => (await onlyGroup(h, app)).quantity).toBe(1);
  });

  it.each([
    ['that cannot be read', PAYER_PROVIDER_EVENTS, { npi: NPI, status: 'gone', from: 'x' }, 'invalid-data'],
    ['among member events', PAYER_MEMBER_EVENTS, { npi: NPI, status: 'in-network', from: '2025-01-01' }, 'wrong-topic'],
    ['that names its provider only as its subject', PAYER_PROVIDER_EVENTS, {}, 'invalid-data'],
  ])('a network status %s denies its provider until it is replayed or discarded', async (_, topic, data, reason) => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const network = (): string | undefined => h.facts.parties.network(`npi|${NPI}`).at(-1)?.status;
    const bad = payerEvent('payer.network-status-changed.v1', NPI, data);
    await put(topic, bad);
    const [letter] = await typed(h, deadLetterTopic(topic), 'pa.event-parked.v1');
    expect(letter).toMatchObject({ reason, parkedBy: 'attribution' });
    expect(network()).toBe('out-of-network');
    const corrected = { ...bad, data: { npi: NPI, status: 'in-network', from: '2025-01-01' } };
    await put(PAYER_PROVIDER_EVENTS, { ...corrected, extensions: { pareplayof: letter!['deadLetter'] as string } });
    expect(network()).toBe('out-of-network');
    await h.replay(letter!['deadLetter'] as string, corrected, topic);
    await expect.poll(network).toBe('in-network');
    await put(topic, { ...bad, id: `${bad.id}-again` });
    expect(network()).toBe('out-of-network');
    await discard(
      topic,
      (await typed(h, deadLetterTopic(topic), 'pa.event-parked.v1')).find(
        (l) => l['deadLetter'] !== letter!['deadLetter'],
      )!['deadLetter'] as string,
    );
    await expect.poll(network).toBe('in-network');
    expect((await onlyGroup(h, app)).quantity).toBe(1);
  });

  it('mints one Group though two instances ask at once, one dies before opening it, and claims are lost', async () => {
    const identity: GroupIdentity = { providers: [`npi|${NPI}`], contract: 'c' };
    const [a, b] = [new GroupDirectory(h.ports).batch(), new GroupDirectory(h.ports).batch()];
    const [first, second] = await Promise.all([a.groupOf(identity), b.groupOf(identity)]);
    expect(second).toBe(first);
    // Neither instance has appended the opening yet, so the next one does.
    const next = new GroupDirectory(h.ports).batch();
    expect(await next.groupOf(identity)).toBe(first);
    await h.log.append('pa.groups', [...a.openings(), ...next.openings()]);
    await h.ports.views.reader(groups).waitFor(await h.log.head(['pa.groups']), 60_000);
    const lost = new GroupDirectory({ ...h.ports, state: openMemoryState() }).batch();
    expect([await lost.groupOf(identity), lost.openings()]).toEqual([first, []]);
    expect(await lost.groupOf({ providers: identity.providers })).not.toBe(first);
  });

  it('a corrected replay takes the hold away', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    const bad = payerEvent('payer.member-terminated.v1', 'm1', { to: 'someday' });
    await h.publish(bad);
    expect((await onlyGroup(h, app)).quantity).toBe(0);
    const [letter] = await typed(h, deadLetterTopic(PAYER_MEMBER_EVENTS), 'pa.event-parked.v1');
    const quantity = async (): Promise<number> => (await onlyGroup(h, app)).quantity;
    const corrected = { ...bad, data: { to: '2030-12-31' } };
    // A producer's header does not end it (finding M5, SECURITY.md), nor does a replay about another member (M4).
    await h.publish({ ...corrected, extensions: { pareplayof: letter!['deadLetter'] as string } });
    await h.replay(letter!['deadLetter'] as string, { ...enrolled('m2') });
    expect(await quantity()).toBe(0);
    await h.replay(letter!['deadLetter'] as string, { ...corrected, id: `${bad.id}-corrected` });
    await expect.poll(quantity).toBe(1);
  });

  // Finding M3 (SECURITY.md): the member who opted out may be the one whose id is retired.
  it('a merge that cannot be read denies both ids until it is discarded', async () => {
    await h.publish(inNetwork(), ...panel('m1', 'm2', 'm3'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    expect((await onlyGroup(h, app)).quantity).toBe(3);
    await put(PAYER_PROVIDER_EVENTS, payerEvent('payer.members-merged.v1', 'm1', { from: 'm2' }), 'm1');
    expect(members(await onlyGroup(h, app))).toEqual(['Patient/m3']);
    const [letter, ...others] = await typed(h, deadLetterTopic(PAYER_PROVIDER_EVENTS), 'pa.event-parked.v1');
    expect(others).toEqual([]);
    await discard(PAYER_PROVIDER_EVENTS, letter!['deadLetter'] as string);
    await expect.poll(async () => (await onlyGroup(h, app)).quantity).toBe(3);
  });

  it('an end of a version that is not known here denies', async () => {
    await h.publish(inNetwork(), ...panel('m1'));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    await h.publish({ ...payerEvent('payer.attribution-ended.v1', 'm1', {}), type: 'payer.attribution-ended.v2' });
    expect((await onlyGroup(h, app)).quantity).toBe(0);
    expect(await typed(h, deadLetterTopic(PAYER_MEMBER_EVENTS), 'pa.event-parked.v1')).toEqual([]);
  });

  /** Members of two sources, and the end of a coverage that names no member. */
  async function afterNamelessEnd(): Promise<{ authorization: string }> {
    await h.publish(inNetwork(), ...panel('m1'), ...panel('m2').map((event) => ({ ...event, source: 'urn:other' })));
    const app = await h.app1('c1', [`npi|${NPI}`]);
    await h.publish(payerEvent('payer.member-terminated.v1', undefined, { to: '2026-01-01' }));
    return app;
  }

  it('an event without a subject that might have ended access denies everybody', async () => {
    const app = await afterNamelessEnd();
    expect((await onlyGroup(h, app)).quantity).toBe(0);
  });
  it('an event without a subject that might end access denies its whole source if operators chose so', async () => {
    await h.stop();
    h = await new Harness().start({ unreadableConsent: 'hold-source' });
    const app = await afterNamelessEnd();
    expect(members(await onlyGroup(h, app))).toEqual(['Patient/m2']);
  });

  it.each([
    ['not JSON', '{"to":', 'not-json', {}],
    [
      'time in the future',
      '{"to":"2026-01-01"}',
      'time-in-future',
      { ce_time: new Date(START + 600_000).toISOString() },
    ],
    ['no time', '{"to":"2026-01-01"}', 'not-a-cloudevent', { ce_time: '' }],
  ])('%s', async (_name, value, reason, headers) => {
    const { headers: good } = encodeEvent(payerEvent('payer.member-terminated.v1', 'm1', {}));
    await h.publishRaw({ key: 'm1', partitionKey: 'm1', headers: { ...good, ...headers }, value });
    expect(await typed(h, deadLetterTopic(PAYER_MEMBER_EVENTS), 'pa.event-parked.v1')).toMatchObject([{ reason }]);
    expect((await h.facts.access.facts('m1'))!.holds).toMatchObject([{ eventType: 'payer.member-terminated.v1' }]);
  });

  it('Coverages say who is covered; one that cannot be read denies; other resources are not looked at', async () => {
    const coverage = (extra: object, id = 'c1') => coverageOf({ id, ...extra });
    await h.publish(
      inNetwork(),
      attributed('m1'),
      payerEvent('payer.resource-recorded.v1', 'm1', { resource: { resourceType: 'Patient', id: 'm1' } }),
    );
    const app = await h.app1('c1', [`npi|${NPI}`]);
    expect((await onlyGroup(h, app)).quantity).toBe(0);
    await h.publish(coverage({}));
    expect((await onlyGroup(h, app)).quantity).toBe(1);
    await h.publish(coverage({ payor: [{ display: 'NO_INSURANCE' }] }, 'c2'));
    expect((await onlyGroup(h, app)).quantity).toBe(1);
    await h.publish(coverage({ beneficiary: { reference: 'Patient/m9' } }, 'c3'));
    expect((await onlyGroup(h, app)).quantity).toBe(0);
    expect((await h.facts.access.facts('m1'))!.holds).toHaveLength(1);
  });

  it(
    'a Coverage that a nightly dump repeats with its own time leaves a termination as it is, with the time of the ' +
      'dump it covers again',
    async () => {
      const time = (minutesAgo: number): { time: string } => ({
        time: new Date(h.now - minutesAgo * 60_000).toISOString(),
      });
      const open = (minutesAgo: number) => coverageOf({}, time(minutesAgo));
      await h.publish(inNetwork(), attributed('m1'), open(30));
      const app = await h.app1('c1', [`npi|${NPI}`]);
      expect((await onlyGroup(h, app)).quantity).toBe(1);
      await h.publish(
        payerEvent('payer.member-terminated.v1', 'm1', { coverageId: 'cov-m1', to: '2025-01-31' }, time(20)),
      );
      expect((await onlyGroup(h, app)).quantity).toBe(0);
      await h.publish(open(30));
      expect((await onlyGroup(h, app)).quantity).toBe(0);
      await h.publish(open(10));
      expect((await onlyGroup(h, app)).quantity).toBe(1);
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ['with PAYER_IDENTIFIERS', { payerIdentifiers: ['urn:payer|1'] }],
    ['without it', {}],
  ])("another payer's Coverage neither begins coverage nor ends that of this payer, %s", async (_name, config) => {
    await h.stop();
    h = await new Harness().start(config);
    const coverage = (member: string, payor: object, more: object = {}) =>
      payerEvent('payer.resource-recorded.v1', member, {
        resource: {
          resourceType: 'Coverage',
          id: `cob-${member}`,
          status: 'active',
          beneficiary: { reference: `Patient/${member}` },
          payor: [payor],
          ...more,
        },
      });
    const other = { identifier: { system: 'urn:payer', value: '2' } };
    await h.publish(
      inNetwork(),
      ...panel('m1', 'm2'),
      attributed('m3'),
      coverage('m1', other),
      coverage('m2', other, { status: 'cancelled' }),
      coverage('m3', other),
    );
    const app = await h.app1('c1', [`npi|${NPI}`]);
    expect(members(await onlyGroup(h, app))).toEqual(['Patient/m1', 'Patient/m2']);
    const later = { time: new Date(START - 30_000).toISOString() };
    await h.publish(
      { ...payerEvent('payer.member-terminated.v1', 'm1', { to: '2026-01-01' }), ...later },
      { ...coverage('m1', other, { period: { start: '2026-01-02' } }), ...later },
    );
    expect(members(await onlyGroup(h, app))).toEqual(['Patient/m2']);
  });

  it('a merge is known under both ids', async () => {
    await h.publish(payerEvent('payer.members-merged.v1', 'm1', { from: 'm2' }));
    expect([(await h.facts.access.facts('m1'))!.mergedWith, (await h.facts.access.facts('m2'))!.mergedWith]).toEqual([
      ['m2'],
      ['m1'],
    ]);
  });
});
