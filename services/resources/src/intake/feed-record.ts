import { COUNTED_ELSEWHERE, encodeEvent, type FeedChecked } from '@provider-access/events';
import { FeedRows } from '@provider-access/domain/pdex/service-levels';
import type { Batch, LogRecord, NewRecord } from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import type { CheckedResource } from '../domain/judge.ts';

/** A resource that became a record or that the policy refused, with its inbound record. */
export interface CheckedEvent extends CheckedResource {
  readonly record: Pick<LogRecord, 'offset' | 'timestamp'>;
  /** Security labels that the policy does not know. */
  readonly unknownLabels?: readonly string[];
  /** Codes of lists that withhold the resource, in a form for people. */
  readonly withheldTags?: readonly string[];
}

type FeedRow = FeedChecked['days'][number]['rows'][number];

/** Bounds of what a batch tells, because producers choose sources and profiles: its record must fit into the log. */
const MAX_ROWS = 200;
const MAX_CHECKS = 10;
const MAX_LACKS = 30;
const MAX_LABELS = 30;

/**
 * The record of `pa.feeds` for what was checked of a batch. Its rows are by day, source, type and profile. The day is
 * that of the inbound record, so that a batch that is handled again says the same.
 * @param now ms since the epoch
 */
export function feedRecord(
  batch: Pick<Batch, 'topic' | 'partition' | 'records'>,
  checked: readonly CheckedEvent[],
  now: number,
): NewRecord {
  const days = new Map<string, FeedRows<FeedRow>>();
  for (const { record, source, type, checks, unknownLabels = [], withheldTags = [] } of checked) {
    const day = instant(record.timestamp).slice(0, 10);
    let rows = days.get(day);
    if (rows === undefined)
      days.set(day, (rows = new FeedRows(MAX_ROWS, (feed) => ({ ...feed, checked: [], lacks: [] }))));
    if (checks.length === 0) rows.of(source, type).checked.push(record.offset);
    if (unknownLabels.length + withheldTags.length > 0) {
      const row = rows.of(source, type, checks[0]?.profile);
      for (const label of unknownLabels)
        add(
          (row.unknownLabels ??= []),
          label,
          record.offset,
          (one) => one.label,
          (name) => ({ label: name, offsets: [] }),
        );
      for (const tag of withheldTags)
        add(
          (row.withheldTags ??= []),
          tag,
          record.offset,
          (one) => one.tag,
          (name) => ({ tag: name, offsets: [] }),
        );
    }
    for (const { profile, lacks } of checks.slice(0, MAX_CHECKS)) {
      const row = rows.of(source, type, profile);
      row.checked.push(record.offset);
      for (const { element, rule } of lacks.slice(0, MAX_LACKS)) {
        let lack = row.lacks.find((one) => one.element === element && one.rule === rule);
        if (lack === undefined) row.lacks.push((lack = { element, rule, offsets: [] }));
        if (lack.offsets.at(-1) !== record.offset) lack.offsets.push(record.offset);
      }
    }
  }
  const data: FeedChecked = {
    scope: `${batch.topic}/${batch.partition}`,
    from: batch.records[0]!.offset,
    next: batch.records.at(-1)!.offset + 1,
    days: [...days].map(([day, rows]) => ({ day, rows: [...rows.values()] })),
  };
  return encodeEvent({
    id: `${data.scope}/${data.from}-${data.next}`,
    source: 'urn:provider-access:resources',
    type: 'pa.feed-checked.v1',
    time: instant(now),
    subject: data.scope,
    data,
  });
}

interface Named {
  readonly offsets: number[];
}
/** Adds the offset to the entry with this name, or to the one for further names if there are too many. */
function add<T extends Named>(
  all: T[],
  each: string,
  offset: number,
  nameOf: (entry: T) => string,
  named: (name: string) => T,
): void {
  const find = (name: string): T | undefined => all.find((entry) => nameOf(entry) === name);
  const name = find(each) !== undefined || all.length < MAX_LABELS ? each : COUNTED_ELSEWHERE;
  let entry = find(name);
  if (entry === undefined) all.push((entry = named(name)));
  if (entry.offsets.at(-1) !== offset) entry.offsets.push(offset);
}
