import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type PartyFacts } from '@provider-access/domain/access';
import { type AttestationEnded, type MemberAttested, PA_ATTESTATIONS, PA_MEMBERS } from '@provider-access/events';
import { cases } from '@provider-access/testing/variant';
import type { LogRecord } from '@provider-access/engines/log';
import { ours } from '../test/records.ts';
import { attested, type AttestationsPart, evolveAttestations, matchedGroups } from './attestations.ts';
import { toMemberFacts } from './member-facts.ts';
import { memberFacts } from './projections.ts';

const instant = (minute: number): string => new Date(Date.UTC(2026, 5, 1, 0, minute)).toISOString();
const DAY = 24 * 60;
const NPI = '1000000001';

const attestedAt = (group: string, minute: number, more: Partial<MemberAttested> = {}): LogRecord =>
  ours(PA_ATTESTATIONS, 'pa.member-attested.v1', {
    id: `${group}/m`,
    subject: 'm',
    at: instant(minute),
    data: {
      member: 'm',
      group,
      client: 'app',
      npi: NPI,
      from: instant(minute),
      to: instant(minute + 30 * DAY),
      attestedAt: instant(minute - 5),
      policy: 'accept/1',
      job: `job-${group}`,
      ...more,
    },
  });
const endedAt = (group: string, minute: number, more: Partial<AttestationEnded> = {}): LogRecord =>
  ours(PA_ATTESTATIONS, 'pa.attestation-ended.v1', {
    id: `${group}/end`,
    subject: 'm',
    at: instant(minute),
    data: { member: 'm', group, client: 'app', reason: 'entered-in-error', at: instant(minute), ...more },
  });
const covered = ours(PA_MEMBERS, 'pa.coverage-changed.v1', {
  id: 'c',
  subject: 'm',
  at: instant(-DAY),
  data: { member: 'm', coverageId: 'c', from: instant(-DAY), businessTime: instant(-DAY), sequence: 0 },
});

const party: PartyFacts = {
  client: (client) => ({
    client,
    name: client,
    status: 'approved',
    history: [{ status: 'approved', at: instant(-2 * DAY) }],
    bindings: [{ provider: `npi|${NPI}`, from: instant(-2 * DAY), recordedAt: instant(-2 * DAY) }],
    scope: '',
  }),
  network: () => [{ status: 'in-network', from: instant(-2 * DAY) }],
  sourceHolds: () => [],
  identity: (p) => [p],
  specialties: () => [],
  deactivated: () => false,
  lines: () => [],
  asOf: () => undefined,
};
const parts = (records: readonly LogRecord[]): Record<string, unknown> => {
  const document: Record<string, unknown> = { _id: 'm' };
  for (const record of records) {
    const topic = memberFacts.topics[record.topic]!;
    for (const key of topic.keys(record)) {
      const next = topic.evolve(document[topic.part], record, key);
      if (next !== undefined) document[topic.part] = next;
    }
  }
  return document;
};
const factsOf = (records: readonly LogRecord[]) => toMemberFacts(parts(records) as never);
/** Whether the app sees the member at a minute, by the Group if one is named. */
const sees = (records: readonly LogRecord[], minute: number, group?: string, client = 'app'): boolean =>
  decide(
    { client, purpose: { kind: 'read', ...(group !== undefined && { group }) }, member: 'm', now: instant(minute) },
    { member: factsOf([covered, ...records]), party },
  ).permit;

describe('M36 the facts of attestations', () => {
  it('open the member to the app until the expiry, and to no other app', () => {
    const all = [attestedAt('g', 0)];
    expect(sees(all, 1)).toBe(true);
    expect(sees(all, 1, 'g')).toBe(true);
    expect(sees(all, 1, 'h')).toBe(false);
    expect(sees(all, 1, undefined, 'another')).toBe(false);
    expect(sees(all, 30 * DAY - 1)).toBe(true);
    expect(sees(all, 30 * DAY)).toBe(false);
  });
  it('have nothing without an attestation', () => expect(factsOf([covered])).not.toHaveProperty('attestations'));
  it('M37 say who attested, when, and by which policy', () => {
    expect(factsOf([attestedAt('g', 0)]).attestations).toEqual([
      {
        group: 'g',
        client: 'app',
        provider: `npi|${NPI}`,
        from: instant(0),
        to: instant(30 * DAY),
        attestedAt: instant(-5),
        policy: 'accept/1',
        job: 'job-g',
        recordedAt: instant(0),
        event: 'g/m',
      },
    ]);
  });
  it.each<[string, readonly LogRecord[], boolean]>([
    ['M19 an end closes it', [attestedAt('g', 0), endedAt('g', 5)], false],
    ['an end of another Group leaves it', [attestedAt('g', 0), endedAt('h', 5)], true],
    ['an end that another app states leaves it', [attestedAt('g', 0), endedAt('g', 5, { client: 'x' })], true],
    ['the same attestation again opens nothing', [attestedAt('g', 0), endedAt('g', 5), attestedAt('g', 0)], false],
    ['an end in front of its attestation closes it', [endedAt('g', 0), attestedAt('g', 5)], false],
    ['an end of another app in front of it leaves it', [endedAt('g', 0, { client: 'x' }), attestedAt('g', 5)], true],
    ['a new match opens the member again', [attestedAt('g', 0), endedAt('g', 5), attestedAt('h', 6)], true],
    ['one of two that ends leaves the other', [attestedAt('g', 0), attestedAt('h', 1), endedAt('g', 5)], true],
    [
      'an end by a clock that is ahead counts from its record on',
      [attestedAt('g', 0), endedAt('g', 5, { at: instant(60) })],
      false,
    ],
  ])('%s', (_name, records, expected) => expect(sees(records, 10)).toBe(expected));

  it('an end counts at once for a clock that is behind the one that stamped it', () => {
    expect(sees([attestedAt('g', 0), endedAt('g', 60)], 10)).toBe(false);
  });
  it('a record that cannot be read closes every attestation, and nothing else', () => {
    const failed = memberFacts.topics[PA_ATTESTATIONS]!.failed!;
    const part = failed(parts([attestedAt('g', 0)])['attestations'], endedAt('g', 5), 'm') as AttestationsPart;
    const after = toMemberFacts({ _id: 'm', attestations: evolveAttestations(part, attestedAt('h', 6)) });
    expect(after.attestations).toBeUndefined();
    expect(after.holds).toEqual([]);
  });

  it('agree with a list of all statements, whatever was stated, as long as an app has few', () => {
    const statement = fc.record({
      group: fc.constantFrom('g', 'h', 'i'),
      client: fc.constantFrom('app', 'app2'),
      ends: fc.boolean(),
      days: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 12 }), fc.integer({ min: 0, max: 4 * DAY }), (said, later) => {
        const records = said.map(({ group, client, ends, days }, i) =>
          ends ? endedAt(group, i, { client }) : attestedAt(group, i, { client, to: instant(i + days * DAY) }),
        );
        const now = said.length + later;
        // The first attestation of a Group is the only one, and an end of its app ends it, before it or after it.
        const first = new Map<string, { readonly client: string; readonly to: number }>();
        said.forEach(({ group, client, ends, days }, i) => {
          if (!ends && !first.has(group)) first.set(group, { client, to: i + days * DAY });
        });
        const open = [...first].some(
          ([group, { client, to }]) =>
            client === 'app' && now < to && !said.some((s) => s.ends && s.group === group && s.client === client),
        );
        expect(sees(records, now)).toBe(open);
      }),
      { numRuns: cases(1000) },
    );
  });
  it('stay small, and keep those that can decide longest', () => {
    const daily = Array.from({ length: 200 }, (_, n) => attestedAt(`g${n}`, n * DAY));
    const { attestations = [], completeFrom } = factsOf(daily);
    expect(attestations.length).toBeLessThanOrEqual(44);
    expect(completeFrom).toBe(instant(199 * DAY));
    for (const n of [199, 180, 171]) expect(sees(daily, 199 * DAY + 1, `g${n}`), `g${n}`).toBe(true);
    expect(sees(daily, 199 * DAY + 1, 'g160')).toBe(false);
    const hourly = Array.from({ length: 500 }, (_, n) => attestedAt(`h${n}`, n));
    expect(factsOf(hourly).attestations!.length).toBeLessThanOrEqual(44);
    expect(sees(hourly, 501)).toBe(true);
    // A dropped one does not come back by a replay.
    expect(sees([...hourly, attestedAt('h0', 0)], 501, 'h0')).toBe(false);
  });
  it('of one app do not take the place of those of another', () => {
    const noise = Array.from({ length: 500 }, (_, n) => attestedAt(`h${n}`, n, { client: 'noisy' }));
    expect(sees([attestedAt('g', 0), ...noise], 501, 'g')).toBe(true);
  });
});

describe('M70 M78 the lists of matches', () => {
  const folded = (projection: typeof attested, records: readonly LogRecord[]): unknown => {
    const topic = projection.topics[PA_ATTESTATIONS]!;
    const documents: Record<string, unknown> = {};
    for (const record of records)
      for (const key of topic.keys(record)) {
        const next = topic.evolve(documents[key], record, key);
        if (next !== undefined) documents[key] = next;
      }
    return documents;
  };
  const matched = ours(PA_ATTESTATIONS, 'pa.members-matched.v1', {
    id: 'g/result',
    subject: 'g',
    at: instant(0),
    data: {
      group: 'g',
      client: 'app',
      npis: [NPI],
      from: instant(0),
      to: instant(30 * DAY),
      policy: 'accept/1',
      job: 'j',
      submitted: 3,
      matched: 1,
    },
  });
  it('have each pair of Group and member once, with its end', () => {
    const all = [attestedAt('g', 0), endedAt('g', 5), attestedAt('g', 0), matched];
    expect(folded(attested, all)).toEqual({
      'g/m': {
        group: 'g',
        member: 'm',
        client: 'app',
        provider: `npi|${NPI}`,
        from: instant(0),
        to: instant(30 * DAY),
        attestedAt: instant(-5),
        policy: 'accept/1',
        job: 'job-g',
        recordedAt: instant(0),
        ended: { at: instant(5), reason: 'entered-in-error' },
      },
    });
  });
  it('have each result once', () => {
    expect(folded(matchedGroups, [attestedAt('g', 0), matched, matched])).toEqual({
      g: {
        client: 'app',
        providers: [`npi|${NPI}`],
        from: instant(0),
        to: instant(30 * DAY),
        policy: 'accept/1',
        job: 'j',
        submitted: 3,
        matched: 1,
        recordedAt: instant(0),
      },
    });
  });
});
