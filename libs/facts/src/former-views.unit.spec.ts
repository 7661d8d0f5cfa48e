import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PA_ATTESTATIONS, PA_ATTRIBUTION, PA_CONSENT, PA_MEMBERS } from '@provider-access/events';
import type { LogRecord, Position } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { type Projection, ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { cases } from '@provider-access/testing/variant';
import { eventOf, instant, MEMBER, said } from '../test/member-events.ts';
import { ours } from '../test/records.ts';
import { FORMER_PROJECTIONS, toVersion1 } from './former-views.ts';
import { memberFacts, memberships } from './projections.ts';

type Parts = Record<string, Record<string, unknown>>;

/** The documents of a view after these records, by id. A record without data makes `evolve` throw. */
function documents(projection: Projection, records: readonly LogRecord[]): ReadonlyMap<string, Parts> {
  const found = new Map<string, Parts>();
  for (const record of records) {
    const topic = projection.topics[record.topic];
    for (const key of topic?.keys(record) ?? []) {
      const parts = found.get(key) ?? {};
      const readable = record.value.length > 0;
      const next = (readable ? topic!.evolve : topic!.failed!)(parts[topic!.part], record, key);
      if (next) found.set(key, { ...parts, [topic!.part]: next as Parts[string] });
    }
  }
  return found;
}
const translated = (of: ReadonlyMap<string, Parts>): ReadonlyMap<string, Parts> =>
  new Map(
    [...of].map(([id, parts]) => [
      id,
      Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, toVersion1(part) as Parts[string]])),
    ]),
  );
const [formerFacts, formerMemberships] = FORMER_PROJECTIONS as [Projection, Projection];

describe('the former version of a view', () => {
  const broken = (topic: string): LogRecord => ({
    ...ours(topic, 'pa.opted-out.v1', { id: 'broken', subject: MEMBER, at: instant(9), data: {} }),
    value: Buffer.alloc(0),
  });
  const story = fc
    .array(said, { minLength: 1, maxLength: 30 })
    .map((list) => list.map(eventOf))
    .chain((events) =>
      fc
        .shuffledSubarray([PA_MEMBERS, PA_ATTRIBUTION, PA_CONSENT].map(broken))
        .chain((failed) => fc.shuffledSubarray([...events, ...events, ...failed], { minLength: 1 })),
    );

  it('is the translation of the present one after any events, also after some that could not be read', () => {
    fc.assert(
      fc.property(story, (records) => {
        expect(documents(formerFacts, records)).toEqual(translated(documents(memberFacts, records)));
        const readable = records.filter(({ value }) => value.length > 0);
        expect(documents(formerMemberships, readable)).toEqual(translated(documents(memberships, readable)));
      }),
      { numRuns: cases(300) },
    );
  });

  it('has the field names of the release before, and leaves ids of the payer as they are', () => {
    const at = { subject: MEMBER, source: 'urn:s', at: instant(5) };
    const common = { member: MEMBER, businessTime: instant(1) };
    const from = instant(2);
    const records = [
      ours(PA_MEMBERS, 'pa.coverage-changed.v1', {
        ...at,
        id: 'e1',
        data: { ...common, coverageId: 'from', from, to: instant(9), sequence: 3 },
      }),
      ours(PA_ATTRIBUTION, 'pa.member-attributed.v1', {
        ...at,
        id: 'e2',
        data: { ...common, group: 'until', providers: ['npi|1'], contract: 'k1', from, coverageId: 'from' },
      }),
      ours(PA_CONSENT, 'pa.opted-out.v1', {
        ...at,
        id: 'e3',
        data: { ...common, scope: 'provider-specific', targets: ['npi|1'], effective: from, setBy: 'member' },
      }),
      ours(PA_CONSENT, 'pa.access-held.v1', {
        ...at,
        id: 'e4',
        data: { ...common, source: 'urn:s', deadLetter: 'event', eventType: 'unknown' },
      }),
    ];
    const step = { b: instant(1), s: from, f: from, v: instant(5) };
    const sources = ['urn:s'];
    const group = { p: ['npi|1'], k: 'k1', steps: [{ ...step, e: 'e2', q: 0, c: 'from' }] };
    expect(documents(formerFacts, records).get(MEMBER)).toEqual({
      members: { coverage: { from: [{ ...step, e: 'e1', q: 3, u: instant(9) }] }, sources },
      attribution: { groups: { until: group }, sources },
      consent: {
        outs: [{ e: 'e3', b: instant(1), f: from, r: instant(5), sc: 'provider-specific', tg: ['npi|1'] }],
        holds: { event: { t: 'unknown', f: instant(5) } },
        at: instant(5),
        sources,
      },
    });
    expect(documents(formerMemberships, records).get(`until/${MEMBER}`)).toEqual({
      membership: { ...group, group: 'until', member: MEMBER },
    });
  });

  it('has a collection of its own, the same indexes, and the same topics, without attestations', () => {
    const about = ({ owner, name, version, indexes, topics }: Projection) => [
      owner,
      name,
      version,
      indexes,
      Object.keys(topics).filter((topic) => topic !== PA_ATTESTATIONS),
    ];
    for (const [former, now] of [
      [formerFacts, memberFacts],
      [formerMemberships, memberships],
    ] as const)
      expect(about(former)).toEqual(about({ ...now, version: 1 }));
    expect(formerFacts.topics).not.toHaveProperty([PA_ATTESTATIONS]);
  });
});

it('the former version is fresh while attribution writes both, and stale once nobody writes it', async () => {
  const log = openMemoryLog();
  const views = openMemoryViews();
  const running: ProjectionSet[] = [];
  const run = async (...projections: Projection[]): Promise<ProjectionSet> => {
    const set = new ProjectionSet({ log, views, projections });
    running.push(set);
    await set.start();
    return set;
  };
  const optOut = async (id: string): Promise<Position> => {
    const { key, value, headers } = ours(PA_CONSENT, 'pa.opted-out.v1', {
      id,
      subject: MEMBER,
      data: { businessTime: instant(1), effective: instant(1), scope: 'global', setBy: 'member' },
    });
    await log.append(PA_CONSENT, [{ key, partitionKey: MEMBER, value, headers }]);
    return log.head(Object.keys(memberFacts.topics));
  };
  const [present, former] = [views.reader(memberFacts), views.reader(formerFacts)];
  const both = await run(memberFacts, formerFacts);
  const first = await optOut('e1');
  for (const reader of [present, former]) expect(await reader.waitFor(first, 60_000)).toBe(true);
  expect((await former.get(MEMBER))!['consent']).toMatchObject({ outs: [{ e: 'e1', sc: 'global' }] });
  await both.stop();

  await run(memberFacts);
  const second = await optOut('e2');
  expect(await present.waitFor(second, 60_000)).toBe(true);
  // Freshness and acknowledgements of opt-outs ask this, so a process that reads the former version answers 503.
  expect(await former.waitFor(second, 50)).toBe(false);
  await Promise.all(running.map((set) => set.stop()));
});
