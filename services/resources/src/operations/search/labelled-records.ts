import { labelsInKeys } from '@provider-access/records';
import type { ViewReader } from '@provider-access/engines/views';

/** One query of the index returns at most so many records that a label may withhold. */
const MOST = 10_000;
/** Records and answers that are remembered together. Beyond them, all are forgotten. */
const MOST_REMEMBERED = 100_000;
/** Longest patient that is remembered. A longer one belongs to no member of most payers, so it only costs memory. */
const MOST_LETTERS = 128;

/** A record with a label that the policy may withhold. */
export interface Labelled {
  readonly id: string;
  readonly member: string;
  readonly labels: readonly string[];
}

type Index = Pick<ViewReader, 'find' | 'generation'>;
interface Asked {
  /** Of the labels that the policy may withhold (`keysWithLabels`). */
  readonly keys: readonly string[];
  readonly member: string;
  readonly type: string;
}

/**
 * The labelled records of a member and type, from the index of keys. They are remembered until a document of the index
 * changes, because most members have none and each page would ask again.
 *
 * They are remembered for the patient that the search names, also if it reads the records of nobody instead. So the
 * second search about an unknown or denied patient costs no query, like the second one about a permitted patient,
 * whether labels withhold something or nothing.
 */
export class LabelledRecords {
  #generation: number | undefined;
  #keys: readonly string[] = [];
  readonly #known = new Map<string, readonly Labelled[]>();
  #size = 0;

  /** @param named the only patient that the search names. Undefined: the index is asked. */
  async of(search: Index, { keys, member, type }: Asked, named?: string): Promise<readonly Labelled[]> {
    const generation = search.generation();
    if (generation === undefined || named === undefined || named.length > MOST_LETTERS)
      return labelledIn(search, { keys, member, type });
    if (generation !== this.#generation || keys !== this.#keys) this.#forget(generation, keys);
    const of = `${named}\n${member}\n${type}`;
    const known = this.#known.get(of);
    if (known !== undefined) return known;
    const records = await labelledIn(search, { keys, member, type });
    // A change meanwhile may be in the answer or not.
    if (generation === search.generation() && keys === this.#keys) this.#remember(of, records);
    return records;
  }

  #remember(of: string, records: readonly Labelled[]): void {
    if (this.#size > MOST_REMEMBERED) this.#forget(this.#generation, this.#keys);
    this.#known.set(of, records);
    this.#size += 1 + records.length;
  }
  #forget(generation: number | undefined, keys: readonly string[]): void {
    this.#known.clear();
    this.#size = 0;
    this.#generation = generation;
    this.#keys = keys;
  }
}

/** A policy seldom asks for more than one key. */
async function labelledIn(search: Index, { keys, member, type }: Asked): Promise<readonly Labelled[]> {
  const documents = await Promise.all(
    keys.map((key) => search.find({ index: 'by_key', equals: [member, type, key], limit: MOST })),
  );
  return documents.flat().map((document) => ({ id: document._id, ...labelsInKeys(document) }));
}
