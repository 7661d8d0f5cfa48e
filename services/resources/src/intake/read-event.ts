import { decodeEvent, typeOf, payerEvent } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import { type InboundEvent, judge, type JudgeOptions, type Judgement } from '../domain/judge.ts';

export interface ReadEvent {
  readonly record: LogRecord;
  readonly judgement: Judgement;
  /** For receipts; empty when the envelope could not be read. */
  readonly id: string;
  readonly receipt: string | undefined;
  readonly traceparent: string | undefined;
}

/** Reads and judges one record of a payer topic. Data of events that another service owns is not parsed, except merges. */
export function readEvent(record: LogRecord, options: JudgeOptions): ReadEvent {
  const { headers } = record;
  const type = typeOf(record);
  const common = { record, id: headers['ce_id'] ?? '', receipt: headers['ce_pareceipt'], traceparent: headers['traceparent'] };
  if (type !== undefined) {
    const definition = payerEvent(type);
    if (definition !== undefined && definition.owner !== 'resources' && type !== 'payer.members-merged.v1') return { ...common, judgement: { kind: 'other' } };
  }
  const decoded = decodeEvent(record);
  if (!decoded.ok) {
    if (type !== undefined && payerEvent(type)?.owner !== 'resources' && payerEvent(type) !== undefined) return { ...common, judgement: { kind: 'other' } };
    return { ...common, judgement: { kind: 'park', reason: decoded.reason, detail: decoded.detail } };
  }
  const { event } = decoded;
  const inbound: InboundEvent = { topic: record.topic, id: event.id, source: event.source, type: event.type, time: event.time, data: event.data, ...(event.subject !== undefined && { subject: event.subject }) };
  return { ...common, id: event.id, receipt: event.extensions?.['pareceipt'], judgement: judge(inbound, options) };
}
