import { BoundedMap } from '@provider-access/kernel';
import { recordId, type RecordPart } from '@provider-access/records';
import type { Segment } from '@provider-access/jobs/files';

/** Segments and bytes of the largest one in memory: most have below 1 kB. */
const MOST = 4000;
const MOST_BYTES = 4096;

type Version = Pick<RecordPart, 'lastUpdated' | 'tie' | 'contentHash' | 'sourceHash' | 'bytes' | 'labelsBy'>;
const versionOf = ({ lastUpdated, tie, contentHash, sourceHash, bytes, labelsBy }: Version): string =>
  JSON.stringify([lastUpdated, tie, contentHash, sourceHash, bytes, labelsBy]);

/**
 * Compressed lines of supporting resources. Most exports have the same ones, because a directory changes rarely. A
 * segment is that of one version of its record, so a change needs no notice.
 */
export class KeptSegments {
  readonly #kept = new BoundedMap<string, { readonly version: string; readonly segment: Segment }>(MOST);

  /** The segment of a record that is as its head says. */
  of(head: RecordPart): Segment | undefined {
    const id = recordId(head.member, head.type, head.id);
    const kept = this.#kept.get(id);
    if (kept?.version !== versionOf(head)) return undefined;
    this.#kept.set(id, kept);
    return kept.segment;
  }

  /** @param record as it is in the view with the line that the segment has */
  keep(record: RecordPart, segment: Segment): void {
    if (segment.compressed > MOST_BYTES) return;
    // A compressed segment may be a part of a larger buffer, which would stay too.
    const bytes = new Uint8Array(segment.bytes);
    this.#kept.set(recordId(record.member, record.type, record.id), {
      version: versionOf(record),
      segment: { ...segment, bytes },
    });
  }
}
