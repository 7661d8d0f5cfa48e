import type { FreshnessReport } from '@provider-access/domain/pdex/service-levels';
import { PAYER_EVENTS } from '@provider-access/events';
import { isServedType } from '@provider-access/fhir';

/** A feed of which the operator says how long it may be silent. */
export interface ExpectedFeed {
  /** CloudEvents `source`. */
  readonly source: string;
  /** A type of resources, or the name of an event without its version: `payer.attribution-asserted`. */
  readonly type: string;
  readonly silentMs: number;
}

/** As many as an alert can list. */
const MAX_FEEDS = 50;
const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const EVENTS = new Set(Object.keys(PAYER_EVENTS).map((type) => type.replace(/\.v\d+$/, '')));

/** `source type 26h, source type 8d`. Undefined if it is written otherwise, or names a type that does not exist. */
export function readExpectedFeeds(text: string): readonly ExpectedFeed[] | undefined {
  const feeds: ExpectedFeed[] = [];
  for (const entry of text.split(',').filter((one) => one.trim() !== '')) {
    const [source = '', type = '', silent = '', more] = entry.trim().split(/\s+/);
    const [, number, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(silent) ?? [];
    if (unit === undefined || more !== undefined || !/^[!-~]{1,200}$/.test(source)) return undefined;
    if (!isServedType(type) && !EVENTS.has(type)) return undefined;
    feeds.push({ source, type, silentMs: Number(number) * UNITS[unit as keyof typeof UNITS] });
  }
  return feeds.length > 0 && feeds.length <= MAX_FEEDS ? feeds : undefined;
}

/** The report with what is expected of each feed, and the expected feeds that were never heard. */
export function withExpected(report: FreshnessReport, expected: readonly ExpectedFeed[]): FreshnessReport {
  const isOf = (feed: { readonly source: string; readonly type: string }) => (one: ExpectedFeed) =>
    one.source === feed.source && one.type === feed.type;
  const feeds = report.feeds.map((feed) => {
    const found = expected.find(isOf(feed));
    return found === undefined ? feed : { ...feed, expectedMs: found.silentMs };
  });
  const neverHeard = expected
    .filter((one) => !report.feeds.some((feed) => isOf(feed)(one)))
    .map(({ source, type, silentMs }) => ({ source, type, expectedMs: silentMs }));
  return { ...report, feeds, ...(neverHeard.length > 0 && { neverHeard }) };
}
