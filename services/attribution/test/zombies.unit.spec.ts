import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeEvent, PA_ATTRIBUTION, PA_CONSENT, PA_MEMBERS } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { memberships } from '@provider-access/facts';
import { memberFacts, toMemberFacts } from '@provider-access/facts/views';
import { cases } from '@provider-access/testing/variant';

const day = (n: number): string => new Date(Date.UTC(2025, 0, 1 + n)).toISOString();
interface Said {
  readonly topic: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}
const days = fc.integer({ min: 0, max: 12 }).map(day);
const period = fc
  .tuple(fc.integer({ min: 0, max: 12 }), fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }))
  .map(([from, length]) => ({ from: day(from), ...(length !== undefined && { to: day(from + length) }) }));
const member = 'm1';
const said: fc.Arbitrary<Said> = fc.oneof(
  fc
    .tuple(period, days, fc.constantFrom('c1', 'c2'), fc.boolean(), fc.boolean())
    .map(([p, businessTime, coverageId, cancelled, replaces]) => ({
      topic: PA_MEMBERS,
      type: 'pa.coverage-changed.v1',
      data: {
        member,
        coverageId,
        ...p,
        businessTime,
        sequence: 0,
        ...(cancelled && { cancelled }),
        ...(replaces && { replaces }),
      },
    })),
  fc.tuple(period, days, fc.constantFrom('g1', 'g2')).map(([p, businessTime, group]) => ({
    topic: PA_ATTRIBUTION,
    type: 'pa.member-attributed.v1',
    data: { member, group, providers: [group === 'g1' ? 'npi|1000000001' : 'npi|1000000002'], ...p, businessTime },
  })),
  fc.tuple(days, days).map(([to, businessTime]) => ({
    topic: PA_ATTRIBUTION,
    type: 'pa.attribution-ended.v1',
    data: { member, providers: ['npi|1000000001'], to, businessTime },
  })),
  fc.tuple(days, days).map(([effective, businessTime]) => ({
    topic: PA_CONSENT,
    type: 'pa.opted-out.v1',
    data: { member, scope: 'global', effective, businessTime, setBy: 'member' },
  })),
  fc.tuple(days, days).map(([effective, businessTime]) => ({
    topic: PA_CONSENT,
    type: 'pa.opted-in.v1',
    data: { member, effective, businessTime, setBy: 'member' },
  })),
  fc
    .tuple(fc.constantFrom('dl-1', 'dl-2'), fc.boolean(), fc.constantFrom(PA_CONSENT, PA_ATTRIBUTION))
    .map(([deadLetter, held, topic]) => ({
      topic,
      type: held ? 'pa.access-held.v1' : 'pa.access-released.v1',
      data: { member, source: 'urn:p', deadLetter, ...(held && { eventType: 'payer.member-opted-out.v1' }) },
    })),
);

function recordsOf(all: readonly Said[]): LogRecord[] {
  return all.map(({ topic, type, data }, n) => {
    // Holds and releases have the times of the inbound events, so every repetition gives the same.
    const { key, headers, value } = encodeEvent({
      id: `e${n}`,
      source: 'urn:provider-access:test',
      type,
      time: day(n),
      subject: member,
      data,
      extensions: { pasource: 'urn:p' },
    });
    return { topic, partition: 0, offset: 0, key, headers, value: Buffer.from(value as string), timestamp: 0 };
  });
}
/** The input of decisions, without times of recording, which a repetition may change. */
function factsOf(log: readonly LogRecord[]): unknown {
  const document: Record<string, unknown> = { _id: member };
  const groups: Record<string, unknown> = {};
  log.forEach((record, offset) => {
    const at = { ...record, offset, timestamp: Date.UTC(2025, 5, 1) + offset };
    const topic = memberFacts.topics[record.topic]!;
    for (const key of topic.keys(at))
      document[topic.part] = topic.evolve(document[topic.part], at, key) ?? document[topic.part];
    const membership = memberships.topics[record.topic];
    for (const key of membership?.keys(at) ?? []) groups[key] = membership!.evolve(groups[key], at, key) ?? groups[key];
  });
  const facts = toMemberFacts(document as { readonly _id: string } & typeof document);
  const seen = (key: string, value: unknown): unknown =>
    ['recordedAt', 'endRecordedAt', 'changedAt', 'asOf'].includes(key)
      ? undefined
      : Array.isArray(value)
        ? (value as unknown[]).map((v) => JSON.stringify(v, seen)).sort()
        : value;
  return [JSON.parse(JSON.stringify(facts, seen)), Object.keys(groups).sort()];
}

it('facts and rosters end the same whatever a zombie appends late, and in whatever order it is read', () => {
  fc.assert(
    fc.property(
      fc.array(said, { minLength: 1, maxLength: 10 }).chain((all) =>
        fc.tuple(
          fc.constant(all),
          fc.array(fc.tuple(fc.nat(all.length - 1), fc.nat(2 * all.length)), { maxLength: 8 }),
          fc.shuffledSubarray(
            all.map((_, i) => i),
            { minLength: all.length, maxLength: all.length },
          ),
        ),
      ),
      ([all, again, order]) => {
        const records = recordsOf(all);
        const expected = factsOf(records);
        const late = [...records];
        for (const [which, at] of again) {
          const first = late.indexOf(records[which]!);
          late.splice(Math.max(first + 1, Math.min(at, late.length)), 0, { ...records[which]! });
        }
        expect(factsOf(late)).toEqual(expected);
        expect(factsOf(order.map((i) => records[i]!))).toEqual(expected);
      },
    ),
    { numRuns: cases(400) },
  );
});
