import type { z } from 'zod';
import type { DomainEvent } from './envelope.ts';
import { payerEvent } from './payer-events.ts';
import type { PayerEventType , PAYER_EVENTS} from './payer-events.ts';
import { upcast } from './upcast.ts';

/** What is wrong with an event itself. `detail` names paths and expectations, never values: they may be PHI. */
export interface PayerEventFault { readonly ok: false; readonly reason: 'unknown-type' | 'schema' | 'time-in-future'; readonly detail: string }
export type PayerEventRead = { [T in PayerEventType]: { readonly ok: true; readonly type: T; readonly data: z.infer<(typeof PAYER_EVENTS)[T]['schema']> } }[PayerEventType];

/** Clocks of payers and ours differ a little. */
export const FUTURE_ALLOWANCE_MS = 5 * 60 * 1000;

/** True when the business time is more than five minutes ahead of `now` (ms since the epoch): it would win over everything until then. */
export const isInFuture = (time: string, now: number): boolean => Date.parse(time) > now + FUTURE_ALLOWANCE_MS;

/**
 * An inbound event in its newest version, with its data as the schema has it (defaults filled in). With `now` (ms) the
 * event's time is checked too.
 */
export function readPayerEvent(event: DomainEvent, options: { readonly now?: number } = {}): PayerEventRead | PayerEventFault {
  const current = upcast(event);
  const definition = payerEvent(current.type);
  if (definition === undefined) return { ok: false, reason: 'unknown-type', detail: 'the type is not one that this platform reads' };
  if (options.now !== undefined && isInFuture(event.time, options.now)) return { ok: false, reason: 'time-in-future', detail: 'time is more than 5 minutes ahead' };
  const parsed = definition.schema.safeParse(current.data);
  if (!parsed.success) return { ok: false, reason: 'schema', detail: faultsOf(parsed.error) };
  return { ok: true, type: current.type, data: parsed.data } as PayerEventRead;
}

const MAX_FAULTS = 5;

function faultsOf(error: z.ZodError): string {
  const faults = error.issues.slice(0, MAX_FAULTS).map((issue) => {
    const path = issue.path.length === 0 ? 'data' : `data.${issue.path.map(String).join('.')}`;
    return `${path}: ${issue.code === 'unrecognized_keys' ? 'unknown attribute' : issue.message}`;
  });
  const more = error.issues.length - faults.length;
  return faults.join('; ') + (more > 0 ? `; and ${more} more` : '');
}
