import {
  type FhirResource,
  keyConditions,
  type KeyRange,
  Matcher,
  matchesInstant,
  PATIENT_ELEMENT,
  type SearchQuery,
  subsetOf,
} from '@provider-access/fhir';
import { readPart } from '@provider-access/domain/smart';
import type { Job } from '@provider-access/jobs';
import { type RecordPart, type StoredRecord, WithinScope } from '@provider-access/records';
import type { Ask } from './ask.ts';
import { parseFilter } from '../domain/request/type-filters.ts';

interface Filter extends ByKeys {
  readonly query: SearchQuery;
  readonly matcher: Matcher;
}
/** How the index of keys finds what a filter may find. */
export interface ByKeys {
  readonly query: Pick<SearchQuery, 'ids'>;
  /** Parts of the index that have each resource which the filter finds. Empty: the index cannot help. */
  readonly keys: readonly (readonly (string | Exclude<KeyRange, { readonly key: string }>)[])[];
}

/** The restrictions of a job, and of the scopes of its kick-off, applied to one record at a time. */
export class Asked {
  readonly #filters = new Map<string, Filter[]>();
  /** The parts of types that the scopes cover. */
  readonly #within = new Map<string, WithinScope>();
  readonly #elements: Readonly<Record<string, readonly string[]>>;
  readonly #until: number;
  /** @param base the absolute base of our FHIR resources */
  constructor(ask: Pick<Ask, 'filters' | 'elements' | 'until'> & Pick<Job, 'within'>, base: string) {
    this.#elements = ask.elements ?? {};
    this.#until = ask.until === undefined ? Infinity : Date.parse(ask.until);
    const parts = Map.groupBy(ask.within ?? [], (part) => part.slice(0, part.indexOf('?')));
    for (const [type, names] of parts)
      this.#within.set(
        type,
        new WithinScope(
          names.map(readPart).filter((part) => part !== undefined),
          base,
        ),
      );
    for (const filter of ask.filters ?? []) {
      const parsed = parseFilter(filter, base);
      if (!parsed.ok) throw new Error('a filter of the job cannot be read');
      const { query } = parsed;
      const keys = keyConditions(query.filters).map(elementsOf);
      const known = this.#filters.get(filter.type);
      const added = { query, matcher: new Matcher(query.filters), keys };
      if (known === undefined) this.#filters.set(filter.type, [added]);
      else known.push(added);
    }
  }

  /** Whether every record of the type is exported as it is. */
  leaves(type: string): boolean {
    return this.#until === Infinity && !this.looksInto(type) && !Object.hasOwn(this.#elements, type);
  }
  /** Whether the line of a record decides, and not its head alone. */
  looksInto(type: string): boolean {
    return this.#filters.has(type) || this.#within.has(type);
  }
  /** Whether the scopes cover a part of the type only. Nobody can tell of a removed record whether it was within. */
  isInPart(type: string): boolean {
    return this.#within.has(type);
  }
  /** Whether the record, live or deleted, is in the time that was asked for. */
  isInTime({ lastUpdated }: Pick<RecordPart, 'lastUpdated'>): boolean {
    return lastUpdated < this.#until;
  }

  /** The line of a record to export. Undefined if no filter of its type finds it, or if it is outside of the scopes. */
  lineOf(record: StoredRecord): Uint8Array | undefined {
    if (!this.isInTime(record)) return undefined;
    const filters = this.#filters.get(record.type);
    const elements = Object.hasOwn(this.#elements, record.type) ? this.#elements[record.type] : undefined;
    const within = this.#within.get(record.type);
    if (filters === undefined && elements === undefined && within === undefined) return record.line;
    const { buffer, byteOffset, byteLength } = record.line;
    const resource = JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString('utf8')) as FhirResource;
    if (within?.matches(resource) === false) return undefined;
    if (filters !== undefined && !filters.some((filter) => finds(filter, record, resource))) return undefined;
    if (elements === undefined) return record.line;
    const owner = PATIENT_ELEMENT[record.type];
    const kept = owner === undefined ? elements : [...elements, owner];
    return Buffer.from(JSON.stringify(subsetOf(resource, { elements: kept })));
  }

  /** The filters of a type, or what its scopes cover, if the index of keys knows conditions of each of them. */
  byKeys(type: string): readonly ByKeys[] | undefined {
    const filters = this.#filters.get(type);
    const condition = filters === undefined ? this.#within.get(type)?.condition : undefined;
    if (condition !== undefined) return [{ query: {}, keys: [elementsOf(condition)] }];
    return filters?.every(({ query, keys }) => query.ids !== undefined || keys.length > 0) === true
      ? filters
      : undefined;
  }
}

const elementsOf = (ranges: readonly KeyRange[]): ByKeys['keys'][number] =>
  ranges.map((range) => ('key' in range ? range.key : range));

function finds({ query, matcher }: Filter, record: StoredRecord, resource: FhirResource): boolean {
  const { ids, patients, updated } = query;
  return (
    (ids === undefined || ids.includes(record.id)) &&
    (patients === undefined || patients.includes(record.member)) &&
    matchesInstant(updated, record.lastUpdated) &&
    matcher.matches(resource)
  );
}
