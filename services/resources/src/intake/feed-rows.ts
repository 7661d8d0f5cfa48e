import { encodeEvent, type FeedChecked } from '@provider-access/events';
import type { Batch, LogRecord, NewRecord } from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import type { CheckedResource } from '../domain/judge.ts';

/** A resource that became a record or that the policy refused, with its inbound record. */
export interface CheckedEvent extends CheckedResource {
  readonly record: Pick<LogRecord, 'offset' | 'timestamp'>;
}

type Row = FeedChecked['days'][number]['rows'][number];

/** Length of a source in the report. A longer one is cut, because producers choose it. */
const MAX_SOURCE = 200;
/** Bounds of what a batch tells, because producers choose sources and profiles: its record must fit into the log. */
const MAX_SOURCES = 20;
const MAX_CHECKS = 10;
const MAX_LACKS = 30;
const OTHERS = '(others)';

/**
 * The record of `pa.feeds` for what was checked of a batch. Its rows are by day, source, type and profile. The day is
 * that of the inbound record, so that a batch that is handled again says the same. @param now ms since the epoch
 */
export function feedRecord(
  batch: Pick<Batch, 'topic' | 'partition' | 'records'>,
  checked: readonly CheckedEvent[],
  now: number,
): NewRecord {
  const days = new Map<string, Map<string, Row>>();
  const sources = new Set<string>();
  for (const { record, source, type, checks } of checked) {
    const day = instant(record.timestamp).slice(0, 10);
    let rows = days.get(day);
    if (rows === undefined) days.set(day, (rows = new Map()));
    const shown = sources.has(source) || sources.size < MAX_SOURCES ? cut(source) : OTHERS;
    if (shown !== OTHERS) sources.add(source);
    if (checks.length === 0) rowOf(rows, shown, type).checked.push(record.offset);
    for (const { profile, lacks } of checks.slice(0, MAX_CHECKS)) {
      const row = rowOf(rows, shown, type, profile);
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

const cut = (source: string): string => (source.length > MAX_SOURCE ? `${source.slice(0, MAX_SOURCE)}…` : source);

function rowOf(rows: Map<string, Row>, source: string, type: string, profile?: string): Row {
  const key = `${source}\n${type}\n${profile ?? ''}`;
  let row = rows.get(key);
  if (row === undefined)
    rows.set(key, (row = { source, type, ...(profile !== undefined && { profile }), checked: [], lacks: [] }));
  return row;
}
