import { type RecordPart, type StoredRecord, targetsOfLine } from '@provider-access/records';

/** Which Provenances of a member an export has, if its kick-off has `includeAssociatedData` (E41). */
export class ChosenProvenances {
  readonly #kind: 'latest' | 'relevant';
  /** `Type/id` of what the export has of the member. */
  readonly #released = new Set<string>();
  readonly #chosen = new Set<string>();
  readonly #latest = new Map<string, { readonly order: string; readonly id: string }>();
  constructor(kind: 'latest' | 'relevant') {
    this.#kind = kind;
  }

  released({ type, id }: Pick<RecordPart, 'type' | 'id'>): void {
    this.#released.add(`${type}/${id}`);
  }

  /** A Provenance that the client may see. Call it after `released` was called for everything else. */
  add(record: StoredRecord): void {
    const { id, line, lastUpdated } = record;
    const targets = (record.targets ?? targetsOfLine(line)).filter((target) => this.#released.has(target));
    if (targets.length === 0) return;
    if (this.#kind === 'relevant') {
      this.#chosen.add(id);
      return;
    }
    const order = `${recordedAt(line)} ${String(lastUpdated).padStart(16, '0')} ${id}`;
    for (const target of targets)
      if (order > (this.#latest.get(target)?.order ?? '')) this.#latest.set(target, { order, id });
  }

  /** The chosen ones among these. */
  async *of(records: AsyncIterable<StoredRecord>): AsyncGenerator<StoredRecord> {
    const ids = new Set([...this.#chosen, ...[...this.#latest.values()].map(({ id }) => id)]);
    for await (const record of records) if (ids.has(record.id)) yield record;
  }
}

/** The time of `recorded` in UTC; a time that cannot be read is the earliest. */
function recordedAt({ buffer, byteOffset, byteLength }: Uint8Array): string {
  const { recorded } = JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString('utf8')) as {
    readonly recorded?: unknown;
  };
  const at = typeof recorded === 'string' ? Date.parse(recorded) : NaN;
  return Number.isNaN(at) ? '' : new Date(at).toISOString();
}
