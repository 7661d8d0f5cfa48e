import {
  COST,
  type FhirResource,
  isSharedType,
  Matcher,
  referencesIn,
  referenceTo,
  SEARCH,
  type SearchQuery,
} from '@provider-access/fhir';
import { mayBeShared, recordId, SHARED, type WithinScope } from '@provider-access/records';
import { elementsOf, rangesOf } from './candidates.ts';
import { type Entry, entryOf, parsedLine, sizeOf } from './entry.ts';
import type { VisibleRecords } from './visible-records.ts';

/** How often `:iterate` follows references of what was included. */
const MAX_ROUNDS = 4;
/** The most resources that a page includes. */
const MAX_INCLUDED = 1_000;
/** The most bytes of the resources that a page includes. */
const MAX_INCLUDED_BYTES = 8 * 1024 * 1024;
/** Resources that one query reads with their lines. */
const CHUNK = 200;
const LINE = ['record.line'];

export class Included {
  readonly records: Entry[] = [];
  /** Whether more resources would have been included. */
  cut = false;
  #bytes = 0;
  /** False if the page takes no more. */
  add(entry: Entry): boolean {
    this.#bytes += sizeOf(entry);
    this.cut ||= this.records.length >= MAX_INCLUDED || this.#bytes > MAX_INCLUDED_BYTES;
    if (!this.cut) this.records.push(entry);
    return !this.cut;
  }
}

/** What an inclusion asks of the search, and what its page has so far. */
interface Including {
  readonly records: VisibleRecords;
  /** Our absolute base: a reference to it counts as a relative one. */
  readonly base: string;
  /** Whether the client's scopes permit this type. */
  readonly mayRead: (type: string) => boolean;
  /** Ids of the records of the page. */
  readonly known: Set<string>;
}

/**
 * The resources that `_include` and `_revinclude` add to a page: of the same member, whom the client may see, or of the
 * payer's directory. A reference to another member's resource brings nothing.
 */
export async function includedOf(
  records: VisibleRecords,
  query: SearchQuery,
  page: readonly Entry[],
  scope: Pick<Including, 'base' | 'mayRead'>,
): Promise<Included> {
  const included = new Included();
  if (page.length === 0 || (query.include.length === 0 && query.revinclude.length === 0)) return included;
  const known = new Set(page.map((entry) => recordId(entry.member, entry.type, entry.id)));
  const including = { records, known, ...scope };
  const rules = query.include;
  let round = page;
  for (let n = 0; n < MAX_ROUNDS && round.length > 0 && rules.length > 0; n++) {
    const some = n === 0 ? rules : rules.filter((r) => r.iterate);
    const before = included.records.length;
    const wanted = await referred(including, some, round);
    for await (const batch of load(including, wanted)) if (!batch.every((entry) => included.add(entry))) break;
    if (included.cut) return included;
    round = included.records.slice(before);
  }
  for (const name of query.revinclude) {
    for await (const entry of referring(including, name, page)) if (!included.add(entry)) break;
    if (included.cut) return included;
  }
  return included;
}

interface Wanted {
  readonly own: string;
  readonly shared?: string;
}

async function referred(
  { records, base, mayRead, known }: Including,
  rules: SearchQuery['include'],
  from: readonly Entry[],
): Promise<readonly Wanted[]> {
  const wanted: Wanted[] = [];
  for (const entry of from) {
    const pause = records.work.pause();
    if (pause !== undefined) await pause;
    let resource: FhirResource | undefined;
    for (const rule of rules) {
      if (rule.type !== entry.type) continue;
      records.work.count(COST.condition + (resource === undefined ? sizeOf(entry) * COST.byte : 0));
      for (const reference of referencesIn(rule.type, rule.parameter, (resource ??= parsedLine(entry)), base)) {
        const [type = '', id = ''] = reference.split('/');
        if ((rule.target !== undefined && rule.target !== type) || !mayRead(type)) continue;
        const own = recordId(isSharedType(type) ? SHARED : entry.member, type, id);
        if (known.has(own)) continue;
        known.add(own);
        // A Medication or a Device may be the member's, or the payer's without a patient.
        wanted.push({
          own,
          ...(mayBeShared(type) && { shared: recordId(SHARED, type, id) }),
        });
      }
    }
  }
  return wanted;
}

async function* referring(including: Including, revinclude: string, to: readonly Entry[]): AsyncGenerator<Entry> {
  const { records, base, mayRead, known } = including;
  const [type = '', name = ''] = revinclude.split(':');
  const parameter = SEARCH[type]?.parameters.find((known) => known.name === name);
  if (parameter === undefined || !mayRead(type)) return;
  const byMember = Map.groupBy(
    to.filter(({ member }) => member !== SHARED),
    ({ member }) => member,
  );
  for (const [member, entries] of byMember) {
    const names = entries.map((entry) => `${entry.type}/${entry.id}`);
    const filter = referenceTo(parameter, names, base);
    const ids = await records.reader.views.search.ids({
      index: 'by_key',
      equals: [member, type],
      all: [rangesOf(filter), ...rangesWithin(records.within(type, 'r'))],
      limit: MAX_INCLUDED + 1,
    });
    const wanted = ids.filter((own) => !known.has(own)).map((own) => ({ own }));
    if (wanted.length === 0) {
      // A withheld Provenance is found and left out, so the time must not tell that there is none.
      await records.nothing(type);
      continue;
    }
    // The index returns candidates, so each is checked.
    const matcher = new Matcher([filter]);
    for await (const batch of load(including, wanted))
      for (const entry of batch) {
        const pause = records.work.pause();
        if (pause !== undefined) await pause;
        records.work.count(sizeOf(entry) * COST.byte);
        const resource = parsedLine(entry);
        if (matcher.matches(resource, records.work)) yield { ...entry, resource };
      }
  }
}

const rangesWithin = (within: WithinScope | undefined) => {
  const condition = within?.condition;
  return condition === undefined ? [] : [elementsOf(condition)];
};

/** Reads heads first, so that the line of a withheld record is never read. */
async function* load({ records, known }: Including, wanted: readonly Wanted[]): AsyncGenerator<readonly Entry[]> {
  const { reader, work } = records;
  const some = wanted.slice(0, MAX_INCLUDED + 1);
  const ids = some.flatMap(({ own, shared }) => (shared === undefined ? [own] : [own, shared]));
  const heads = await reader.heads(ids);
  const visible = new Set(
    (await records.unwithheld('', heads)).map((head) => recordId(head.member, head.type, head.id)),
  );
  const chosen = some.flatMap(({ own, shared }) => {
    known.add(own);
    return [own, shared].find((id) => id !== undefined && visible.has(id)) ?? [];
  });
  work.count(COST.query + ids.length * COST.row);
  for (let at = 0; at === 0 || at < chosen.length; at += CHUNK) {
    work.count(COST.query + CHUNK * COST.row);
    await work.pause();
    const documents = await reader.views.records.getMany(chosen.slice(at, at + CHUNK), { bodies: LINE });
    const seen = await records.seen(documents.map(entryOf).filter((entry) => entry !== undefined));
    yield records.inScope(seen, (type) => records.within(type, 'r'));
  }
}
