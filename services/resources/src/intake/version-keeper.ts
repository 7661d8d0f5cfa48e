import { PA_RECORD_VERSIONS, PA_RECORDS, type RecordSuperseded } from '@provider-access/events';
import {
  type Batch,
  EngineUnavailable,
  type EventLog,
  type NewRecord,
  RecordTooLarge,
} from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import { keepSuperseded, type RecordsReader, type StoredRecord, VERSION_HEADER } from '@provider-access/records';
import type { Logger } from '@provider-access/service/observability';
import type { Head } from '../domain/decide.ts';
import { jsonWith } from '../domain/json-bytes.ts';

/** A version that a batch replaces. */
export interface Superseded {
  /** Id of the record: `member/Type/id`. */
  readonly id: string;
  readonly about: { readonly member: string; readonly type: string; readonly id: string };
  readonly head: Pick<Head, 'versionId' | 'lastUpdated' | 'deleted' | 'reason' | 'labels' | 'labelsBy' | 'targets'>;
  /** ms since the epoch: `lastUpdated` of the next version. */
  readonly at: number;
  /** The line, if the same batch or a batch in flight wrote the version. */
  readonly line?: Uint8Array | undefined;
}

interface VersionKeeperOptions {
  readonly log: Pick<EventLog, 'append' | 'head'>;
  readonly reader: Pick<RecordsReader, 'load' | 'views'>;
  readonly logger: Logger;
}

/** Lines that are in memory at once. */
const TOGETHER = 32;
const VIEW_PATIENCE_MS = 10_000;

/**
 * Appends the versions that a batch replaces, before the batch appends the new ones (ADR 0045). After a crash in
 * between, the batch runs again, finds the same current versions, and appends the same events again. A version whose
 * line is not in memory is read from the records view, which still has it as the current one.
 */
export class VersionKeeper {
  readonly #options: VersionKeeperOptions;
  constructor(options: VersionKeeperOptions) {
    this.#options = options;
  }

  /** @throws EngineUnavailable if the log or the view is unavailable, or another instance may own the partition */
  async keep(batch: Batch, superseded: readonly Superseded[]): Promise<void> {
    for (let at = 0; at < superseded.length; at += TOGETHER) {
      const some = superseded.slice(at, at + TOGETHER);
      const lines = await this.#linesOf(some);
      const records = some.flatMap((version, i) => {
        const line = lines[i];
        return line === undefined && version.head.deleted !== true ? [] : [encode(version, line)];
      });
      await this.#append(batch, records);
    }
  }

  /** The line of each version. Undefined for a tombstone, and if another instance has replaced the version already. */
  async #linesOf(some: readonly Superseded[]): Promise<readonly (Uint8Array | undefined)[]> {
    const lines = some.map(({ line }) => line);
    const open = some.flatMap(({ head }, i) => (lines[i] === undefined && head.deleted !== true ? [i] : []));
    if (open.length === 0) return lines;
    const read = async (): Promise<readonly (StoredRecord | undefined)[]> =>
      this.#options.reader.load(open.map((i) => some[i]!.id));
    const behind = (found: readonly (StoredRecord | undefined)[]): boolean =>
      open.some((i, n) => (found[n]?.versionId ?? 0) < some[i]!.head.versionId);
    let found = await read();
    if (behind(found)) {
      // This process wrote the version a moment ago, and no longer has its line in memory.
      const { log, reader } = this.#options;
      if (!(await reader.views.records.waitFor(await log.head([PA_RECORDS]), VIEW_PATIENCE_MS)))
        throw new EngineUnavailable('the records view has not caught up');
      found = await read();
      if (behind(found)) throw new EngineUnavailable('the records view lacks a current version');
    }
    // If the view has a later version, the instance that wrote it has also appended the version before.
    open.forEach((i, n) => {
      const record = found[n]!;
      if (record.versionId === some[i]!.head.versionId && record.deleted !== true) lines[i] = record.line;
    });
    return lines;
  }

  async #append(batch: Batch, records: readonly NewRecord[]): Promise<void> {
    if (records.length === 0) return;
    if (batch.owned?.() === false)
      throw new EngineUnavailable(`${batch.topic}/${batch.partition} may have another owner`);
    try {
      await this.#options.log.append(PA_RECORD_VERSIONS, records);
    } catch (error) {
      if (!(error instanceof RecordTooLarge) || error.index === undefined) throw error;
      // The log accepts less than when the version was written. An update is worth more than the version before it.
      this.#options.logger.warn({}, 'a superseded version is larger than the log accepts, so the history lacks it');
      await this.#append(batch, records.toSpliced(error.index, 1));
    }
  }
}

/** The id names the record and the version, so that an event that comes again is the same. */
function encode({ id, about, head, at }: Superseded, line: Uint8Array | undefined): NewRecord {
  const data: Omit<RecordSuperseded, 'line'> = {
    ...about,
    versionId: head.versionId,
    lastUpdated: instant(head.lastUpdated),
    supersededAt: instant(at),
    // The line may lack the part that had a label. A tombstone has no line, and keeps the labels of what it removed.
    ...(head.labels !== undefined && { labels: [...head.labels] }),
    ...(head.labelsBy !== undefined && { labelsBy: head.labelsBy }),
    ...(head.targets !== undefined && { targets: [...head.targets] }),
    ...(line === undefined && { reason: head.reason ?? 'deleted' }),
  };
  const record: NewRecord = {
    key: id,
    partitionKey: about.member,
    headers: {
      ce_specversion: '1.0',
      ce_id: `${id}/${head.versionId}`,
      ce_type: 'pa.record-superseded.v1',
      // The source that the version itself has (`batch-versions.ts`).
      ce_source: '/resources',
      ce_time: data.supersededAt,
      ce_subject: about.member,
      [VERSION_HEADER]: String(head.versionId),
      'content-type': 'application/json',
    },
    value: line === undefined ? JSON.stringify(data) : jsonWith(data, 'line', line),
  };
  keepSuperseded(record, line === undefined ? data : { ...data, line });
  return record;
}
