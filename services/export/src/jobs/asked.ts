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
import type { RecordPart, StoredRecord } from '@provider-access/records';
import type { Ask } from './ask.ts';
import { parseFilter } from '../domain/request/type-filters.ts';

export interface Filter {
  readonly query: SearchQuery;
  readonly matcher: Matcher;
  /** Parts of the index that have each resource which the filter finds. Empty: the index cannot help. */
  readonly keys: readonly (readonly (string | Exclude<KeyRange, { readonly key: string }>)[])[];
}

/** The restrictions of a job, applied to one record at a time. */
export class Asked {
  readonly #filters = new Map<string, Filter[]>();
  readonly #elements: Readonly<Record<string, readonly string[]>>;
  readonly #until: number;
  /** @param base the absolute base of our FHIR resources */
  constructor(ask: Pick<Ask, 'filters' | 'elements' | 'until'>, base: string) {
    this.#elements = ask.elements ?? {};
    this.#until = ask.until === undefined ? Infinity : Date.parse(ask.until);
    for (const filter of ask.filters ?? []) {
      const parsed = parseFilter(filter, base);
      if (!parsed.ok) throw new Error('a filter of the job cannot be read');
      const { query } = parsed;
      const keys = keyConditions(query.filters).map((ranges) =>
        ranges.map((range) => ('key' in range ? range.key : range)),
      );
      const known = this.#filters.get(filter.type);
      const added = { query, matcher: new Matcher(query.filters), keys };
      if (known === undefined) this.#filters.set(filter.type, [added]);
      else known.push(added);
    }
  }

  /** Whether every record of the type is exported as it is. */
  leaves(type: string): boolean {
    return this.#until === Infinity && !this.#filters.has(type) && !Object.hasOwn(this.#elements, type);
  }
  /** Whether the line of a record decides, and not its head alone. */
  looksInto(type: string): boolean {
    return this.#filters.has(type);
  }
  /** Whether the record, live or deleted, is in the time that was asked for. */
  isInTime({ lastUpdated }: Pick<RecordPart, 'lastUpdated'>): boolean {
    return lastUpdated < this.#until;
  }

  /** The line of a record to export. Undefined if no filter of its type finds the record. */
  lineOf(record: StoredRecord): Uint8Array | undefined {
    if (!this.isInTime(record)) return undefined;
    const filters = this.#filters.get(record.type);
    const elements = Object.hasOwn(this.#elements, record.type) ? this.#elements[record.type] : undefined;
    if (filters === undefined && elements === undefined) return record.line;
    const { buffer, byteOffset, byteLength } = record.line;
    const resource = JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString('utf8')) as FhirResource;
    if (filters !== undefined && !filters.some((filter) => finds(filter, record, resource))) return undefined;
    if (elements === undefined) return record.line;
    const owner = PATIENT_ELEMENT[record.type];
    const kept = owner === undefined ? elements : [...elements, owner];
    return Buffer.from(JSON.stringify(subsetOf(resource, { elements: kept })));
  }

  /** The filters of a type, if each of them has conditions that the index of keys knows. */
  byKeys(type: string): readonly Filter[] | undefined {
    const filters = this.#filters.get(type);
    return filters?.every(({ query, keys }) => query.ids !== undefined || keys.length > 0) === true
      ? filters
      : undefined;
  }
}

function finds({ query, matcher }: Filter, record: StoredRecord, resource: FhirResource): boolean {
  const { ids, patients, updated } = query;
  return (
    (ids === undefined || ids.includes(record.id)) &&
    (patients === undefined || patients.includes(record.member)) &&
    matchesInstant(updated, record.lastUpdated) &&
    matcher.matches(resource)
  );
}
