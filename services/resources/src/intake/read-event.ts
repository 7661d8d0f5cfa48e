import { decodeEvent, GAP_TYPE, typeOf, payerEvent } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import { type InboundEvent, judge, type JudgeOptions, type Judgement } from '../domain/judge.ts';

/** The part of a log record that reading looks at. */
export type Readable = Pick<LogRecord, 'topic' | 'key' | 'headers' | 'value'>;

/** What one record says, without the record: it travels between threads. */
export interface Reading {
  readonly judgement: Judgement;
  /** For receipts; empty when the envelope could not be read. */
  readonly id: string;
  readonly receipt: string | undefined;
}
export interface ReadEvent extends Reading {
  readonly record: LogRecord;
}

/** The headers alone say that another service decides about it, or that there is nothing to decide: its data need not be looked at. */
export function isElsewhere({ headers }: Pick<LogRecord, 'headers'>): boolean {
  const type = typeOf({ headers });
  if (type === GAP_TYPE) return true;
  const definition = type === undefined ? undefined : payerEvent(type);
  return definition !== undefined && definition.owner !== 'resources' && type !== 'payer.members-merged.v1';
}

/** Reads and judges one record of a payer topic. Data of events that another service owns is not parsed, except merges. Pure. */
export function readEvent(record: Readable, options: JudgeOptions): Reading {
  const { headers } = record;
  const common = { id: headers['ce_id'] ?? '', receipt: headers['ce_pareceipt'] };
  if (isElsewhere(record)) return { ...common, judgement: { kind: 'other' } };
  const decoded = decodeEvent(record);
  if (!decoded.ok) {
    const type = typeOf(record);
    if (type !== undefined && payerEvent(type)?.owner !== 'resources' && payerEvent(type) !== undefined) return { ...common, judgement: { kind: 'other' } };
    return { ...common, judgement: { kind: 'park', reason: decoded.reason, detail: decoded.detail } };
  }
  const { event } = decoded;
  const inbound: InboundEvent = { topic: record.topic, key: record.key, id: event.id, source: event.source, type: event.type, time: event.time, data: event.data, ...(event.subject !== undefined && { subject: event.subject }) };
  return { id: event.id, receipt: event.extensions?.['pareceipt'], judgement: judge(inbound, options) };
}
