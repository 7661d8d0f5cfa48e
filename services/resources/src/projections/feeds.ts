import { COUNTED_ELSEWHERE, dataOf, type FeedChecked, PA_FEEDS, typeOf } from '@provider-access/events';
import { type Feed, type ProfilePolicy, profileRule } from '@provider-access/domain/pdex/feeds';
import { FeedRows } from '@provider-access/domain/pdex/service-levels';
import { profilesNamed } from '@provider-access/fhir/profiles';
import { parsedOnce } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/engines/views';

/** The counts of one source, type and profile. `unknownLabels` and `withheldTags` are absent without any. */
type FeedRow = Omit<Feed, 'policy' | 'guide' | 'unchecked'>;
type Lacks = FeedRow['lacks'][number];
/** The counts of one UTC day and one inbound partition, and the offset up to which they count. */
export interface FeedPart {
  readonly day: string;
  readonly scope: string;
  readonly next: number;
  readonly rows: readonly FeedRow[];
}

/** Bounds of a document, which senders must not exceed. */
const MAX_ROWS = 1000;
const MAX_LACKS = 5000;
const MAX_LABELS = 500;

type Checked = FeedChecked['days'][number]['rows'][number];
const nameOf = ({ element, rule }: Pick<Lacks, 'element' | 'rule'>): string => `${element}\n${rule}`;

/** A row to which counts are added. */
interface Growing extends Omit<FeedRow, 'checked' | 'lacking' | 'lacks' | 'unknownLabels' | 'withheldTags'> {
  checked: number;
  lacking: number;
  readonly counts: Map<string, Lacks>;
  readonly labels: Map<string, number>;
  readonly tags: Map<string, number>;
}
/** Counts of rows, which become more. */
class Tally {
  readonly #rows: FeedRows<Growing>;
  #lacks = 0;
  readonly #maxLacks: number;
  /** Bounds: those of a document, or none for a report over documents. */
  constructor(maxRows: number, maxLacks: number) {
    this.#maxLacks = maxLacks;
    this.#rows = new FeedRows(maxRows, (feed) => ({
      ...feed,
      checked: 0,
      lacking: 0,
      counts: new Map(),
      labels: new Map(),
      tags: new Map(),
    }));
  }

  add({ source, type, profile, checked, lacking, lacks, unknownLabels = [], withheldTags = [] }: FeedRow): void {
    const row = this.#rows.of(source, type, profile);
    row.checked += checked;
    row.lacking += lacking;
    for (const { count, ...own } of lacks) {
      const known = row.counts.has(nameOf(own)) || this.#lacks < this.#maxLacks;
      const lack = known ? own : { element: COUNTED_ELSEWHERE, rule: COUNTED_ELSEWHERE };
      const before = row.counts.get(nameOf(lack));
      if (before === undefined) this.#lacks += 1;
      row.counts.set(nameOf(lack), { ...lack, count: (before?.count ?? 0) + count });
    }
    for (const { label, count } of unknownLabels) this.#addName(row.labels, label, count);
    for (const { tag, count } of withheldTags) this.#addName(row.tags, tag, count);
  }
  #addName(counts: Map<string, number>, each: string, count: number): void {
    const name = counts.has(each) || counts.size < MAX_LABELS ? each : COUNTED_ELSEWHERE;
    counts.set(name, (counts.get(name) ?? 0) + count);
  }

  list(): FeedRow[] {
    return this.#rows.values().map(({ counts, labels, tags, ...row }) => ({
      ...row,
      lacks: [...counts.values()],
      ...(labels.size > 0 && { unknownLabels: [...labels].map(([label, count]) => ({ label, count })) }),
      ...(tags.size > 0 && { withheldTags: [...tags].map(([tag, count]) => ({ tag, count })) }),
    }));
  }
}

/** The counts of the offsets that were not counted before. Undefined if there are none. */
function fresh(
  { source, type, profile, checked, lacks, unknownLabels = [], withheldTags = [] }: Checked,
  next: number,
): FeedRow | undefined {
  const from = (offsets: readonly number[]): readonly number[] => offsets.filter((offset) => offset >= next);
  const count = from(checked).length;
  if (count === 0) return undefined;
  const labelled = unknownLabels.flatMap(({ label, offsets }) => {
    const n = from(offsets).length;
    return n === 0 ? [] : [{ label, count: n }];
  });
  const withheld = withheldTags.flatMap(({ tag, offsets }) => {
    const n = from(offsets).length;
    return n === 0 ? [] : [{ tag, count: n }];
  });
  const lacking = new Set(lacks.flatMap(({ offsets }) => from(offsets)));
  return {
    source,
    type,
    ...(profile !== undefined && { profile }),
    checked: count,
    lacking: lacking.size,
    lacks: lacks.flatMap(({ element, rule, offsets }) => {
      const n = from(offsets).length;
      return n === 0 ? [] : [{ element, rule, count: n }];
    }),
    ...(labelled.length > 0 && { unknownLabels: labelled }),
    ...(withheld.length > 0 && { withheldTags: withheld }),
  };
}

const checkedOf = parsedOnce(dataOf<FeedChecked>);
const idOf = (day: string, scope: string): string => `${day}/${scope}`;

const fromFeeds: TopicEvolve<FeedPart> = {
  part: 'feed',
  keys(record) {
    if (typeOf(record) !== 'pa.feed-checked.v1') return [];
    const { days, scope } = checkedOf(record);
    return days.map(({ day }) => idOf(day, scope));
  },
  evolve(part, record, key) {
    const { days, scope, next } = checkedOf(record);
    const counted = part?.next ?? 0;
    const found = days.find(({ day }) => idOf(day, scope) === key);
    const rows = found?.rows.flatMap((row) => fresh(row, counted) ?? []) ?? [];
    if (found === undefined || rows.length === 0) return undefined;
    const tally = new Tally(MAX_ROWS, MAX_LACKS);
    for (const row of part?.rows ?? []) tally.add(row);
    for (const row of rows) tally.add(row);
    return { day: found.day, scope, next: Math.max(counted, next), rows: tally.list() };
  },
  // The counts stay without the record that cannot be folded.
  failed: () => undefined,
};

/** What intake checked, by day and inbound partition. A batch that was handled twice counts once (ADR 0051). */
export const feeds: Projection = {
  owner: 'resources',
  name: 'feeds',
  version: 1,
  topics: { [PA_FEEDS]: fromFeeds },
  lingerMs: 100,
  commitMs: 100,
  indexes: [{ name: 'by_day', fields: ['feed.day'] }],
};

const placeOf = ({ source, type, profile = '' }: FeedRow): string => [source, type, profile].join('\n');
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The feeds of a period, by source, type and profile. @param period UTC days, both included */
export async function feedsOf(
  reader: ViewReader,
  period: { readonly from: string; readonly to: string },
  policy: ProfilePolicy,
): Promise<readonly Feed[]> {
  const tally = new Tally(Infinity, Infinity);
  for await (const document of reader.scan({ index: 'by_day', range: { gte: period.from, lte: period.to } }))
    for (const row of (document['feed'] as FeedPart).rows) tally.add(row);
  return tally
    .list()
    .toSorted((a, b) => byText(placeOf(a), placeOf(b)))
    .map((row) => ({
      ...row,
      ...(row.profile !== undefined && { policy: profileRule(row.profile, policy) }),
      ...aboutProfile(row.profile),
      lacks: row.lacks.toSorted((a, b) => b.count - a.count || byText(nameOf(a), nameOf(b))),
      unknownLabels: (row.unknownLabels ?? []).toSorted((a, b) => b.count - a.count || byText(a.label, b.label)),
      withheldTags: (row.withheldTags ?? []).toSorted((a, b) => b.count - a.count || byText(a.tag, b.tag)),
    }));
}

function aboutProfile(profile: string | undefined): Pick<Feed, 'guide' | 'unchecked'> {
  // A version that the tables of this release do not know any more has no guide.
  const [known] = profile === undefined ? [] : profilesNamed(profile);
  if (known === undefined) return { unchecked: [] };
  const { guide, unchecked } = known;
  return { guide: `${guide.name} ${guide.version}`, unchecked };
}
