import { api, ask, type Asked } from '../../common/api.ts';

/** A feed, as `GET /ops/slo/freshness` reports it (docs/service-levels.md#freshness-of-feeds). */
interface Feed {
  readonly source: string;
  readonly type: string;
  readonly newest: string;
  readonly silentMs: number;
  readonly expectedMs?: number;
  readonly days: readonly { readonly day: string; readonly events: number }[];
}
interface Freshness {
  /** The day of the server's clock in the payer's time zone. */
  readonly to: string;
  readonly feeds: readonly Feed[];
  readonly neverHeard?: readonly { readonly source: string; readonly type: string; readonly expectedMs: number }[];
}
/** A row of the table of feeds. Absent: never heard, not expected, or nothing on the day. */
export interface FeedRow {
  readonly source: string;
  readonly type: string;
  readonly newest?: string;
  readonly silentMs?: number;
  readonly expectedMs?: number;
  readonly isLate: boolean;
  readonly today: number;
  readonly yesterday: number;
  /** Whether events of the feed become versions of resources, which are counted by day. */
  readonly isCounted: boolean;
}

const DAY_MS = 86_400_000;
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
/** Events about something else than a resource have the name of an event. They are heard, and not counted. */
const isCounted = (type: string): boolean => !type.includes('.');

/** A late feed comes first, and then one of which something is expected. Between equals the report's order stays. */
const weight = ({ isLate, expectedMs }: FeedRow): number => Number(isLate) * 2 + Number(expectedMs !== undefined);

/** Every feed. The longest silent one comes first among equals. */
export async function feeds(): Promise<Asked<readonly FeedRow[]>> {
  // No time zone is more than a day from UTC, so the answer has the payer's today and yesterday.
  const query = { from: dayOf(Date.now() - 2 * DAY_MS) };
  const asked = await (ask(api.GET('/ops/slo/freshness', { params: { query } })) as Promise<Asked<Freshness>>);
  if (asked.fault !== undefined) return asked;
  const { to, feeds: heard, neverHeard = [] } = asked.data;
  const before = dayOf(Date.parse(to) - DAY_MS);
  const rows: FeedRow[] = [
    ...neverHeard.map((feed) => ({ ...feed, isLate: true, today: 0, yesterday: 0, isCounted: isCounted(feed.type) })),
    ...heard.map(({ source, type, newest, silentMs, expectedMs, days }) => ({
      ...{ source, type, newest, silentMs },
      ...(expectedMs !== undefined && { expectedMs }),
      isLate: expectedMs !== undefined && silentMs > expectedMs,
      today: days.find(({ day }) => day === to)?.events ?? 0,
      yesterday: days.find(({ day }) => day === before)?.events ?? 0,
      isCounted: isCounted(type),
    })),
  ];
  return { data: rows.toSorted((a, b) => weight(b) - weight(a)) };
}

/** What the resources of a feed lack of a profile, as `GET /ops/feeds` reports it (docs/feeds.md). */
export interface Lacks {
  readonly source: string;
  readonly type: string;
  readonly profile?: string;
  readonly policy?: 'unmark' | 'keep' | 'refuse';
  readonly checked: number;
  readonly lacking: number;
  readonly lacks: readonly { readonly element: string; readonly rule: string; readonly count: number }[];
  readonly unknownLabels?: readonly { readonly label: string; readonly count: number }[];
  readonly withheldTags?: readonly { readonly tag: string; readonly count: number }[];
}
interface Lacking {
  readonly from: string;
  readonly to: string;
  readonly feeds: readonly Lacks[];
}
/** Of the last seven UTC days. */
export const lacking = (): Promise<Asked<Lacking>> => ask(api.GET('/ops/feeds')) as Promise<Asked<Lacking>>;

/** What the members of a Group lack of what ATR demands, as `GET /ops/lists` reports it. */
export interface List {
  readonly group: string;
  readonly providers: readonly string[];
  readonly contract?: string;
  readonly members: number;
  readonly lacking: number;
  readonly lacks: readonly { readonly element: string; readonly count: number }[];
}
interface Lists {
  readonly lists: readonly List[];
  readonly next?: string;
}
/** @param next of the answer before */
export function lists(next?: string): Promise<Asked<Lists>> {
  const page = next === undefined ? null : new URL(next, location.origin).searchParams.get('page');
  return ask(api.GET('/ops/lists', { params: { query: page === null ? {} : { page } } })) as Promise<Asked<Lists>>;
}

/** Of each topic, the offsets of its partitions. */
type Position = Readonly<Record<string, readonly number[]>>;
interface Status {
  readonly view: string;
  readonly documents: number;
  readonly position: { readonly topics: Position };
  readonly head: Position;
  readonly rebuilding?: object;
  readonly failure?: string;
  readonly passedOver?: number;
}
export interface View extends Pick<Status, 'view' | 'documents' | 'failure' | 'passedOver'> {
  readonly service: string;
  /** Records of the log that the view does not show yet. */
  readonly behind: number;
  readonly isRebuilding: boolean;
}
const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'] as const;

const behind = (head: Position, at: Position): number =>
  Object.entries(head)
    .flatMap(([topic, ends]) => ends.map((end, partition) => Math.max(0, end - (at[topic]?.[partition] ?? 0))))
    .reduce((sum, records) => sum + records, 0);

/** The views of every service. Those that need somebody come first, and then those that are behind. */
export async function views(): Promise<Asked<readonly View[]>> {
  const found: View[] = [];
  const all = await Promise.all(
    SERVICES.map((service) => ask(api.GET('/ops/views/{service}', { params: { path: { service } } }))),
  );
  for (const [n, asked] of all.entries()) {
    if (asked.fault !== undefined) return asked;
    const { views: some = [] } = asked.data as { readonly views?: readonly Status[] };
    for (const { position, head, rebuilding, ...view } of some)
      found.push({
        ...view,
        service: SERVICES[n]!,
        behind: behind(head, position.topics),
        isRebuilding: rebuilding !== undefined,
      });
  }
  return { data: found.toSorted((a, b) => Number(needsLook(b)) - Number(needsLook(a)) || b.behind - a.behind) };
}
/** Whether the view is not whole, or not as new as the log. */
export const needsLook = ({ failure, passedOver, behind: records, isRebuilding }: View): boolean =>
  failure !== undefined || passedOver !== undefined || isRebuilding || records > 0;
