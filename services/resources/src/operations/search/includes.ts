import {
  type FhirResource,
  isSharedType,
  matches,
  referencesIn,
  referenceTo,
  SEARCH,
  type SearchQuery,
} from '@provider-access/kernel/fhir';
import { mayBeShared, recordId, SHARED } from '@provider-access/facts/records';
import { rangesOf } from './candidates.ts';
import { type Entry, entryOf, parsedLine } from './entry.ts';
import type { VisibleRecords } from './visible-records.ts';

/** How often `:iterate` follows references of what was included. */
const MAX_ROUNDS = 4;
/** The most resources that a page includes. */
const MAX_INCLUDED = 1_000;
const LINE = ['record.line'];

export interface Included {
  readonly records: readonly Entry[];
  /** Whether more resources would have been included. */
  readonly cut: boolean;
}

export interface IncludeOptions {
  /** Our absolute base: a reference to it counts as a relative one. */
  readonly base: string;
  /** Whether the client's scopes permit this type. */
  readonly mayRead: (type: string) => boolean;
}

/**
 * The resources that `_include` and `_revinclude` add to a page: of the same member, whom the client may see, or of the
 * payer's directory. A reference to another member's resource brings nothing.
 */
export async function includedOf(
  records: VisibleRecords,
  query: SearchQuery,
  page: readonly Entry[],
  { base, mayRead }: IncludeOptions,
): Promise<Included> {
  if (page.length === 0 || (query.include.length === 0 && query.revinclude.length === 0))
    return { records: [], cut: false };
  const known = new Set(page.map((entry) => recordId(entry.member, entry.type, entry.id)));
  const found: Entry[] = [];
  const rules = query.include;
  let round = page;
  for (let n = 0; n < MAX_ROUNDS && round.length > 0 && rules.length > 0; n++) {
    const next = await referred(records, base, n === 0 ? rules : rules.filter((r) => r.iterate), round, known, mayRead);
    found.push(...next);
    if (found.length > MAX_INCLUDED) return { records: found.slice(0, MAX_INCLUDED), cut: true };
    round = next;
  }
  for (const name of query.revinclude) {
    found.push(...(await referring(records, base, name, page, known, mayRead)));
    if (found.length > MAX_INCLUDED) return { records: found.slice(0, MAX_INCLUDED), cut: true };
  }
  return { records: found, cut: false };
}

async function referred(
  records: VisibleRecords,
  base: string,
  rules: SearchQuery['include'],
  from: readonly Entry[],
  known: Set<string>,
  mayRead: (type: string) => boolean,
): Promise<readonly Entry[]> {
  const wanted: { readonly own: string; readonly shared?: string }[] = [];
  for (const entry of from) {
    let resource: FhirResource | undefined;
    for (const rule of rules) {
      if (rule.type !== entry.type) continue;
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
  return load(records, wanted, known);
}

async function referring(
  records: VisibleRecords,
  base: string,
  revinclude: string,
  to: readonly Entry[],
  known: Set<string>,
  mayRead: (type: string) => boolean,
): Promise<readonly Entry[]> {
  const [type = '', name = ''] = revinclude.split(':');
  const parameter = SEARCH[type]?.parameters.find((known) => known.name === name);
  if (parameter === undefined || !mayRead(type)) return [];
  const byMember = Map.groupBy(
    to.filter(({ member }) => member !== SHARED),
    ({ member }) => member,
  );
  const found: Entry[] = [];
  for (const [member, entries] of byMember) {
    const names = entries.map((entry) => `${entry.type}/${entry.id}`);
    const filter = referenceTo(parameter, names, base);
    const ids = await records.reader.views.search.ids({
      index: 'by_key',
      equals: [member, type],
      all: [rangesOf(filter)],
      limit: MAX_INCLUDED + 1,
    });
    const wanted = ids.filter((own) => !known.has(own)).map((own) => ({ own }));
    if (wanted.length === 0) {
      // A withheld Provenance is found and left out, so the time must not tell that there is none.
      await records.nothing(type);
      continue;
    }
    // The index returns candidates, so each is checked.
    for (const entry of await load(records, wanted, known)) {
      const resource = parsedLine(entry);
      if (matches(filter, resource)) found.push({ ...entry, resource });
    }
  }
  return found;
}

/** Reads heads first, so that the line of a withheld record is never read. */
async function load(
  records: VisibleRecords,
  wanted: readonly { readonly own: string; readonly shared?: string }[],
  known: Set<string>,
): Promise<readonly Entry[]> {
  const { reader } = records;
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
  const documents = await reader.views.records.getMany(chosen, { bodies: LINE });
  return records.seen(documents.map(entryOf).filter((entry) => entry !== undefined));
}
