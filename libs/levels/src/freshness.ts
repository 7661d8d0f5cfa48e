import {
  type MeasuredFeed,
  PA_SERVICE_LEVELS,
  type ServiceLevelMeasured,
  typeOf,
  dataOf,
} from '@provider-access/events';
import {
  added,
  durationsOf,
  EMPTY_TALLY,
  type FeedFreshness,
  FeedRows,
  type FreshnessReport,
  type Tally,
  tallied,
  type Took,
} from '@provider-access/domain/pdex/service-levels';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/engines/views';
import { parsedOnce } from '@provider-access/engines/log';

type Feed = Pick<MeasuredFeed, 'source' | 'type'>;
/** `newest`: ms. */
type Newest = Feed & { newest: number };
type Counted = Feed & { tally: Tally };
/** The newest event of each feed in one scope, for ever. */
interface HeardPart {
  readonly kind: 'heard';
  readonly scope: string;
  readonly feeds: readonly Newest[];
}
/** The durations of each feed in one scope, of the events of one local day, and the offset up to which they count. */
interface DayPart {
  readonly kind: 'day';
  readonly day: string;
  readonly scope: string;
  readonly next: number;
  readonly feeds: readonly Counted[];
}

/** In a document. A payer has a few sources and some forty types. */
const MAX_FEEDS = 500;
const heardId = (scope: string): string => `heard/${scope}`;
const dayId = (day: string, scope: string): string => `day/${day}/${scope}`;

function heard(part: HeardPart | undefined, scope: string, feeds: readonly MeasuredFeed[]): HeardPart | undefined {
  const rows = new FeedRows<Newest>(MAX_FEEDS, (feed) => ({ ...feed, newest: -Infinity }), part?.feeds);
  let later = false;
  for (const { source, type, newest } of feeds) {
    const row = rows.of(source, type);
    if (newest <= row.newest) continue;
    row.newest = newest;
    later = true;
  }
  return later ? { kind: 'heard', scope, feeds: rows.values() } : undefined;
}

/** A batch that was counted already, with whatever boundaries, counts no second time unless it has new offsets. */
function counted(part: DayPart | undefined, day: string, measured: ServiceLevelMeasured): DayPart | undefined {
  const { scope, next, feeds = [] } = measured;
  if (part !== undefined && next <= part.next) return undefined;
  const rows = new FeedRows<Counted>(MAX_FEEDS, (feed) => ({ ...feed, tally: EMPTY_TALLY }), part?.feeds);
  for (const { source, type, days } of feeds)
    for (const { took } of days.filter((d) => d.day === day)) {
      const row = rows.of(source, type);
      row.tally = tallied(
        row.tally,
        took.map(([ms, count]) => [ms, true, count]),
      );
    }
  return { kind: 'day', day, scope, next, feeds: rows.values() };
}

function measuredTopic(): TopicEvolve<HeardPart | DayPart> {
  const parse = parsedOnce(dataOf<ServiceLevelMeasured>);
  return {
    part: 'feeds',
    keys(record) {
      if (typeOf(record) !== 'pa.service-level-measured.v1') return [];
      const { scope, feeds = [] } = parse(record);
      if (feeds.length === 0) return [];
      const days = new Set(feeds.flatMap((feed) => feed.days.map(({ day }) => day)));
      return [heardId(scope), ...[...days].map((day) => dayId(day, scope))];
    },
    evolve(part, record, key) {
      const measured = parse(record);
      const { scope, feeds = [] } = measured;
      return key === heardId(scope)
        ? heard(part as HeardPart | undefined, scope, feeds)
        : counted(part as DayPart | undefined, key.slice('day/'.length, -`/${scope}`.length), measured);
    },
    // Keep the counts when a record cannot be applied.
    failed: () => undefined,
  };
}

/** How fresh each feed is, for `GET /ops/slo/freshness` (ADR 0053). The attribution service keeps this view. */
export const freshness: Projection = {
  owner: 'audit',
  name: 'freshness',
  version: 1,
  topics: { [PA_SERVICE_LEVELS]: measuredTopic() },
  lingerMs: 100,
  commitMs: 100,
  indexes: [
    { name: 'by_kind', fields: ['feeds.kind'] },
    { name: 'by_day', fields: ['feeds.day'] },
  ],
};

const tookOf = (tally: Tally): Took => ({ events: tally.met, ...durationsOf(tally) });

const keyOf = (source: string, type: string): string => JSON.stringify([source, type]);
/** The newest event (ms) of each feed that was ever heard. */
async function heardFeeds(reader: ViewReader): Promise<ReadonlyMap<string, number>> {
  const newest = new Map<string, number>();
  for await (const document of reader.scan({ index: 'by_kind', equals: ['heard'] }))
    for (const { source, type, newest: at } of (document['feeds'] as HeardPart).feeds) {
      const key = keyOf(source, type);
      newest.set(key, Math.max(at, newest.get(key) ?? Number.NEGATIVE_INFINITY));
    }
  return newest;
}

/** The newest event (ms) of all feeds; undefined if none was ever heard. */
export async function newestEvent(reader: ViewReader): Promise<number | undefined> {
  const times = [...(await heardFeeds(reader)).values()];
  return times.length === 0 ? undefined : times.reduce((newest, at) => Math.max(newest, at));
}

/** When each feed was last heard, ms. A feed that was never heard is infinitely old. */
export async function newestOf(reader: ViewReader): Promise<(source: string, type: string) => number> {
  const heard = await heardFeeds(reader);
  return (source, type) => heard.get(keyOf(source, type)) ?? Number.NEGATIVE_INFINITY;
}

/**
 * Every feed that was ever heard, the longest silent first. The period has ISO dates in the payer's time zone,
 * and `now` is in ms.
 */
export async function freshnessReport(
  reader: ViewReader,
  period: { readonly from: string; readonly to: string },
  now: number,
): Promise<FreshnessReport> {
  const rows = new Map(
    [...(await heardFeeds(reader))].map(([key, newest]) => [key, { newest, days: new Map<string, Tally>() }]),
  );
  for await (const document of reader.scan({ index: 'by_day', range: { gte: period.from, lte: period.to } })) {
    const { day, feeds } = document['feeds'] as DayPart;
    for (const { source, type, tally } of feeds) {
      const days = rows.get(keyOf(source, type))?.days;
      days?.set(day, added(days.get(day) ?? EMPTY_TALLY, tally));
    }
  }
  const feeds: FeedFreshness[] = [...rows].map(([key, { newest, days }]) => {
    const [source, type] = JSON.parse(key) as [string, string];
    return {
      source,
      type,
      newest: new Date(newest).toISOString(),
      silentMs: Math.max(0, now - newest),
      period: tookOf([...days.values()].reduce(added, EMPTY_TALLY)),
      days: [...days].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([day, tally]) => ({ day, ...tookOf(tally) })),
    };
  });
  return {
    ...period,
    at: new Date(now).toISOString(),
    feeds: feeds.toSorted((a, b) => b.silentMs - a.silentMs || (a.source + a.type < b.source + b.type ? -1 : 1)),
  };
}
