/**
 * Drops events that a reader of a topic already has, because the relay publishes at least once. Every record of a
 * stream carries `pa_stream` and `pa_version`. Keeps one number for each stream.
 */
export class StreamReader {
  readonly #versions = new Map<string, number>();

  /** Returns true once for each version of a stream, in ascending order, and for every record without a stream. */
  isNew(record: { readonly headers: Readonly<Record<string, string>> }): boolean {
    const stream = record.headers['pa_stream'];
    const version = Number(record.headers['pa_version']);
    if (stream === undefined || !Number.isInteger(version)) return true;
    if (version <= this.version(stream)) return false;
    this.#versions.set(stream, version);
    return true;
  }

  /** The newest version so far, or 0. */
  version(stream: string): number {
    return this.#versions.get(stream) ?? 0;
  }
}
