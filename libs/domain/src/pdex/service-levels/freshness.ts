import { COUNTED_ELSEWHERE, type MeasuredFeed, type StartedFeed } from '@provider-access/events';
import type { BusinessCalendar } from './business-calendar.ts';

/** How fresh the events of one source about one type of resources are (docs/service-levels.md#freshness-of-feeds). */
export interface FeedFreshness {
  /** CloudEvents `source`. */
  readonly source: string;
  readonly type: string;
  /** The latest time that its events state. An event counts for it even if it changed nothing. */
  readonly newest: string;
  /** ms since `newest`. */
  readonly silentMs: number;
  /** The longest silence that the operator expects of the feed, ms. Absent if nobody said one (`EXPECTED_FEEDS`). */
  readonly expectedMs?: number;
  /** Of the events of the period that became a version. */
  readonly period: Took;
  /** The same by local day of the events; days without events are left out. */
  readonly days: readonly (Took & { readonly day: string })[];
}
/** Number of events, and how long they took from their time to visible. */
export interface Took {
  readonly events: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly worstMs?: number;
}
export interface FreshnessReport {
  /** Local days of the payer, both included. */
  readonly from: string;
  readonly to: string;
  readonly at: string;
  readonly feeds: readonly FeedFreshness[];
  /** Feeds that the operator expects and that were never heard. Absent without any. */
  readonly neverHeard?: readonly (Pick<FeedFreshness, 'source' | 'type'> & { readonly expectedMs: number })[];
}

/** Senders choose the name of a source. A longer one is cut. */
const MAX_SOURCE_LENGTH = 200;

/** What a row is about. Some rows are about a profile, too. */
interface FeedName {
  readonly source: string;
  readonly type: string;
  readonly profile?: string;
}
/** Type and profile come first, because a source may contain anything. */
const keyOf = ({ source, type, profile = '' }: FeedName): string => `${type}\n${profile}\n${source}`;

/**
 * Rows by source, type and profile: at most `max` with the names of their sources. Each type and profile has one more
 * row for further sources, whose name is `(others)`.
 */
export class FeedRows<Row extends FeedName> {
  readonly #rows = new Map<string, Row>();
  readonly #max: number;
  readonly #create: (name: FeedName) => Row;
  /** By profile, or by type: the row of the last call. */
  readonly #last = new Map<string, FeedName & { readonly row: Row }>();
  /** @param rows are copied */
  constructor(max: number, create: (name: FeedName) => Row, rows: readonly Row[] = []) {
    this.#max = max;
    this.#create = create;
    for (const row of rows) this.#rows.set(keyOf(row), { ...row });
  }

  /** Keeps the row of the last call for each type and profile, because most of them have one source. */
  of(source: string, type: string, profile?: string): Row {
    const last = this.#last.get(profile ?? type);
    if (last?.source === source && last.type === type && last.profile === profile) return last.row;
    const row = this.#rowOf(source, type, profile);
    this.#last.set(profile ?? type, { source, type, profile, row });
    return row;
  }
  #rowOf(source: string, type: string, profile: string | undefined): Row {
    const about = { type, ...(profile !== undefined && { profile }) };
    let name: FeedName = { source: source.slice(0, MAX_SOURCE_LENGTH), ...about };
    let key = keyOf(name);
    let row = this.#rows.get(key);
    if (row !== undefined) return row;
    if (this.#rows.size >= this.#max) {
      name = { source: COUNTED_ELSEWHERE, ...about };
      key = keyOf(name);
      row = this.#rows.get(key);
    }
    if (row === undefined) this.#rows.set(key, (row = this.#create(name)));
    return row;
  }
  values(): readonly Row[] {
    return [...this.#rows.values()];
  }
}

/** In a batch. A batch has 250 events. */
const MAX_FEEDS_OF_BATCH = 100;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const QUARTER_MS = 15 * MINUTE_MS;
/**
 * A time (ms) rounded down by at most a tenth of its age, so that the events of a batch have few different times. Days
 * begin at a quarter of an hour in every time zone, so the day stays the same.
 */
function roundedDown(at: number, now: number): number {
  const age = now - at;
  const step = age < 10 * MINUTE_MS ? SECOND_MS : age < 10 * QUARTER_MS ? MINUTE_MS : QUARTER_MS;
  return Math.floor(at / step) * step;
}

const HISTORY_MS = 31 * 24 * 60 * MINUTE_MS;
/**
 * Whether an event was already so old when it arrived that the payer loads history: it is heard, and how long it took
 * says nothing about the platform or the source. Both ms.
 */
export const isHistory = (at: number, arrived: number): boolean => arrived - at > HISTORY_MS;

/** The events of a batch, counted by source and type. */
export class StartedFeeds {
  readonly #rows = new FeedRows(MAX_FEEDS_OF_BATCH, (feed) => ({
    ...feed,
    newest: Number.NEGATIVE_INFINITY,
    times: new Map<number, number>(),
  }));
  readonly #now: number;
  readonly #since: number;
  /** Both ms since the epoch: the time of the batch, and the time before which events are history. */
  constructor(now: number, since: number) {
    this.#now = now;
    this.#since = since;
  }

  /** An event with its time (ms), and whether it became a version. */
  countFeed(source: string, type: string, at: number, recorded: boolean): void {
    if (at < this.#since) return;
    const row = this.#rows.of(source, type);
    row.newest = Math.max(row.newest, at);
    if (!recorded || isHistory(at, this.#now)) return;
    const time = roundedDown(at, this.#now);
    row.times.set(time, (row.times.get(time) ?? 0) + 1);
  }
  /**
   * An event about something else than a resource: a roster, a network, an opt-out. Its time counts to the minute, so
   * that a stream of them is reported once a minute.
   */
  countOther(source: string, type: string, at: number): void {
    this.countFeed(source, type, Math.floor(at / MINUTE_MS) * MINUTE_MS, false);
  }
  values(): StartedFeed[] {
    return this.#rows.values().map(({ times, ...row }) => ({ ...row, times: [...times] }));
  }
}

/** Processes remember so many feeds, and forget all when there are more. */
const MAX_REMEMBERED = 1000;

/** The newest times that a process has reported, so that it reports a feed of which it knows nothing new only once. */
export class ReportedFeeds {
  readonly #newest = new Map<string, number>();

  unreported(feeds: readonly StartedFeed[]): StartedFeed[] {
    return feeds.filter((feed) => feed.times.length > 0 || feed.newest > (this.#newest.get(keyOf(feed)) ?? -Infinity));
  }
  /** They are durable. */
  reported(feeds: readonly StartedFeed[]): void {
    if (this.#newest.size > MAX_REMEMBERED) this.#newest.clear();
    for (const feed of feeds) {
      const key = keyOf(feed);
      this.#newest.set(key, Math.max(feed.newest, this.#newest.get(key) ?? -Infinity));
    }
  }
}

/** The feeds of a batch that became visible at `end` (ms). */
export function measureFeeds(feeds: readonly StartedFeed[], end: number, calendar: BusinessCalendar): MeasuredFeed[] {
  return feeds.map(({ source, type, newest, times }) => {
    const days = new Map<string, [number, number][]>();
    for (const [at, count] of times) {
      const day = calendar.dayOf(at);
      const took = days.get(day);
      const item: [number, number] = [Math.max(0, end - at), count];
      if (took === undefined) days.set(day, [item]);
      else took.push(item);
    }
    return { source, type, newest, days: [...days].map(([day, took]) => ({ day, took })) };
  });
}
