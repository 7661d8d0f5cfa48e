import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BusinessCalendar, DEFAULT_RULES } from './business-calendar.ts';
import { FeedRows, measureFeeds, ReportedFeeds, StartedFeeds } from './freshness.ts';

const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;
const NOW = at('2026-11-10T10:00:00-05:00');
const calendar = new BusinessCalendar(DEFAULT_RULES);

it('counts the events of a batch by source and type, with a newest that also an unchanged event has', () => {
  const feeds = new StartedFeeds(NOW, NOW - 24 * HOUR);
  feeds.countFeed('urn:ehr', 'Observation', NOW - 1500, true);
  feeds.countFeed('urn:ehr', 'Observation', NOW - 1400, true);
  feeds.countFeed('urn:ehr', 'Observation', NOW - 100, false);
  feeds.countFeed('urn:lab', 'Observation', NOW - 11 * HOUR, true);
  feeds.countFeed('urn:lab', 'Condition', NOW - 25 * HOUR, true);
  expect(feeds.values()).toEqual([
    { source: 'urn:ehr', type: 'Observation', newest: NOW - 100, times: [[NOW - 2000, 2]] },
    { source: 'urn:lab', type: 'Observation', newest: NOW - 11 * HOUR, times: [[NOW - 11 * HOUR, 1]] },
  ]);
  expect(measureFeeds(feeds.values(), NOW + 5000, calendar)).toEqual([
    {
      source: 'urn:ehr',
      type: 'Observation',
      newest: NOW - 100,
      days: [{ day: '2026-11-10', took: [[7000, 2]] }],
    },
    {
      source: 'urn:lab',
      type: 'Observation',
      newest: NOW - 11 * HOUR,
      days: [{ day: '2026-11-09', took: [[11 * HOUR + 5000, 1]] }],
    },
  ]);
});

it('lengthens a duration by at most a tenth and a second, and leaves its day, in any time zone', () => {
  const zones = ['America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Chatham', 'UTC'].map(
    (timeZone) => new BusinessCalendar({ ...DEFAULT_RULES, timeZone }),
  );
  fc.assert(
    fc.property(fc.integer({ min: -300_000, max: 31 * 24 * HOUR }), fc.constantFrom(...zones), (age, zone) => {
      const feeds = new StartedFeeds(NOW, Number.NEGATIVE_INFINITY);
      feeds.countFeed('s', 'Patient', NOW - age, true);
      const [{ day, took } = { day: '', took: [] }] = measureFeeds(feeds.values(), NOW, zone)[0]!.days;
      const [ms, count] = took[0]!;
      expect(count).toBe(1);
      expect(day).toBe(zone.dayOf(NOW - age));
      expect(ms).toBeGreaterThanOrEqual(Math.max(0, age));
      expect(ms).toBeLessThanOrEqual(Math.max(0, age) * 1.1 + 1000);
    }),
  );
});

it('stays small when every event has a source of its own, and loses no event', () => {
  const feeds = new StartedFeeds(NOW, Number.NEGATIVE_INFINITY);
  for (let i = 0; i < 250; i++) feeds.countFeed(`urn:${i}`, i % 2 === 0 ? 'Patient' : 'Coverage', NOW, true);
  const rows = feeds.values();
  expect(rows).toHaveLength(102);
  expect(rows.reduce((n, { times }) => n + times.reduce((sum, [, count]) => sum + count, 0), 0)).toBe(250);
  expect(rows.slice(100).map(({ source, type }) => [source, type])).toEqual([
    ['(others)', 'Patient'],
    ['(others)', 'Coverage'],
  ]);
});

it('hears history, and measures nothing of it', () => {
  const feeds = new StartedFeeds(NOW, Number.NEGATIVE_INFINITY);
  feeds.countFeed('urn:ehr', 'Observation', NOW - 32 * 24 * HOUR, true);
  expect(feeds.values()).toEqual([{ source: 'urn:ehr', type: 'Observation', newest: NOW - 32 * 24 * HOUR, times: [] }]);
});

it('reports a feed again only with a newer event or a new version', () => {
  const reported = new ReportedFeeds();
  const heard = { source: 'urn:ehr', type: 'Observation', newest: NOW, times: [] };
  expect(reported.unreported([heard])).toEqual([heard]);
  // Not durable yet, so it is reported again.
  expect(reported.unreported([heard])).toEqual([heard]);
  reported.reported([heard]);
  expect(reported.unreported([heard, { ...heard, newest: NOW - 1 }])).toEqual([]);
  const others = [
    { ...heard, newest: NOW + 1 },
    { ...heard, type: 'Condition' },
    { ...heard, times: [[NOW, 1]] as [number, number][] },
  ];
  expect(reported.unreported(others)).toEqual(others);
});

it('cuts long names of sources, and keeps a row that it has', () => {
  const create = (name: { source: string; type: string; profile?: string }) => ({ ...name, n: 0 });
  const rows = new FeedRows(1, create, [{ source: 'known', type: 'Patient', n: 7 }]);
  expect(rows.of('known', 'Patient').n).toBe(7);
  expect(rows.of('x'.repeat(1000), 'Patient').source).toBe('(others)');
  expect(new FeedRows(1, create).of('x'.repeat(1000), 'Patient').source).toHaveLength(200);
  expect(rows.of('known', 'Patient', 'http://example.org/p|1')).toEqual({
    source: '(others)',
    type: 'Patient',
    profile: 'http://example.org/p|1',
    n: 0,
  });
});

it('finds the row of an event, whatever the event before was about', () => {
  const rows = new FeedRows(3, (name) => ({ ...name, n: 0 }));
  const names: (readonly [source: string, type: string, profile?: string])[] = [
    ['a', 'Patient'],
    ['a', 'Patient', 'p|1'],
    ['a', 'Claim', 'p|1'],
    ['b', 'Claim', 'p|1'],
    ['c', 'Claim', 'p|1'],
  ];
  // Each of them behind each of them, and behind itself.
  for (const one of names) for (const other of names) for (const name of [one, other]) rows.of(...name).n += 1;
  expect(rows.values().map(({ source, type, profile, n }) => [source, type, profile, n])).toEqual([
    ['a', 'Patient', undefined, 10],
    ['a', 'Patient', 'p|1', 10],
    ['a', 'Claim', 'p|1', 10],
    ['(others)', 'Claim', 'p|1', 20],
  ]);
});

it('tells sources, types and profiles apart, also a profile that is named as a type', () => {
  const rows = new FeedRows(10, (name) => ({ ...name }));
  const names: readonly (readonly [source: string, type: string, profile?: string])[] = [
    ...([
      ['a', 'T'],
      ['a', 'T', 'T'],
      ['b', 'T', 'T'],
    ] as const),
    ...([
      ['b', 'T'],
      ['a', 'U', 'T'],
      ['a', 'T', 'p'],
    ] as const),
  ];
  const found = names.map((name) => rows.of(...name));
  expect(found.map(({ source, type, profile }) => [source, type, ...(profile === undefined ? [] : [profile])])).toEqual(
    names,
  );
  expect([...names.keys()].reverse().map((at) => rows.of(...names[at]!) === found[at])).toEqual(names.map(() => true));
});
