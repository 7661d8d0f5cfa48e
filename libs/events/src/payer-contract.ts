import { editDistance } from '@provider-access/kernel';
import { dateRange, isId } from '@provider-access/fhir';
import type { z } from 'zod';
import type { DomainEvent } from './envelope.ts';
import type { EventFault, FaultReason } from './fault-reasons.ts';
import { PAYER_EVENTS, type PayerEventDefinition, type PayerEventType } from './payer-events.ts';
import { type Upcaster, UPCASTERS, upcasting } from './upcast.ts';

/** Clocks of payers may run ahead of ours by this much, ms. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** A valid inbound event: of its newest version, with the data as the schema has it (defaults filled in). */
export type PayerEvent = {
  [T in PayerEventType]: Omit<DomainEvent, 'type' | 'data'> & {
    readonly type: T;
    readonly data: z.output<(typeof PAYER_EVENTS)[T]['schema']>;
  };
}[PayerEventType];
export type PayerEventRead<E = PayerEvent> =
  { readonly ok: true; readonly event: E } | { readonly ok: false; readonly fault: EventFault };

/** The member id under which the platform keeps resources that belong to no member. */
export const RESERVED_SUBJECT = 'shared';
/** Longest id and source of an event. Both are kept for as long as the statement of the event. */
export const MAX_IDENTITY = 256;
/** The fault of the id or source of an event, whatever its type is. */
export const identityFault = ({ id, source }: Pick<DomainEvent, 'id' | 'source'>): EventFault | undefined =>
  id.length > MAX_IDENTITY || source.length > MAX_IDENTITY
    ? { reason: 'not-a-cloudevent', detail: `id and source have at most ${MAX_IDENTITY} characters` }
    : undefined;
const MAX_FAULTS = 5;
const lettersOf = (type: string): string => type.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
const nameOf = (type: string): string => type.replace(/\.v\d+$/, '');

/**
 * The event types that payers send, with the steps from older versions to the newest. `E` is the union of the valid
 * events;
 * tests make a contract of their own to add a version.
 */
export class PayerContract<E = PayerEvent> {
  readonly #types: Readonly<Record<string, PayerEventDefinition>>;
  readonly #upcast: (event: DomainEvent) => DomainEvent;
  readonly #steps: ReadonlyMap<string, string>;

  constructor(types: Readonly<Record<string, PayerEventDefinition>>, upcasters: readonly Upcaster[] = []) {
    this.#types = types;
    this.#upcast = upcasting(upcasters);
    this.#steps = new Map(upcasters.map(({ from, to }) => [from, to]));
  }

  /** The definition of the newest version of a type; undefined for a type that is none of a payer's. */
  definition(type: string): PayerEventDefinition | undefined {
    const newest = this.newest(type);
    return Object.hasOwn(this.#types, newest) ? this.#types[newest] : undefined;
  }

  /**
   * The known type that a name may be a version of, in its newest version: `….v9` of a type of which nobody knows
   * version 9.
   */
  closest(type: string): string | undefined {
    if (this.definition(type) !== undefined) return this.newest(type);
    return Object.keys(this.#types).findLast((known) => nameOf(known) === nameOf(type));
  }

  /**
   * Says that a type is not known, and which one its writer may have meant: one of which at most a third of the letters
   * differ, without regard to case and punctuation.
   */
  unknown(type: string): string {
    const known = Object.keys(this.#types);
    const distances = known.map((one) => {
      const [written, meant] = [lettersOf(type), lettersOf(one)];
      const most = meant.length / 3;
      // A distance is at least the difference of the lengths, so a long text costs nothing.
      const distance = Math.abs(written.length - meant.length) > most ? Infinity : editDistance(written, meant);
      return distance > most ? Infinity : distance;
    });
    const least = Math.min(...distances);
    const meant = this.closest(type) ?? (least < Infinity ? known[distances.indexOf(least)] : undefined);
    const question = meant === undefined ? '' : `did you mean ${meant}? `;
    const article = question === '' ? 'the' : 'The';
    return `this event type is not known; ${question}${article} AsyncAPI document lists them all`;
  }

  /** The newest version of a type; the type itself where there is no step from it. */
  newest(type: string): string {
    let newest = type;
    for (let next = this.#steps.get(type); next !== undefined; next = this.#steps.get(next)) newest = next;
    return newest;
  }

  /**
   * Reads an event whose envelope was decoded: newest version, time, subject, schema. Pure.
   * @param now ms since the epoch; without it the event's time is not compared with the clock
   */
  read(event: DomainEvent, now?: number): PayerEventRead<E> {
    const definition = this.definition(event.type);
    if (definition === undefined) return fault('unknown-event-type', this.unknown(event.type));
    const { subject, time } = event;
    const named = identityFault(event);
    if (named !== undefined) return { ok: false, fault: named };
    if (now !== undefined && (dateRange(time)?.start ?? Date.parse(time)) > now + CLOCK_TOLERANCE_MS) {
      return fault('time-in-future', 'time lies more than five minutes ahead of this server');
    }
    if (definition.subject !== 'optional') {
      if (subject === undefined || subject === '')
        return fault('missing-subject', 'subject must be the member id or the provider id');
      if (!isId(subject))
        return fault('invalid-subject', 'subject must be an id: letters, digits, - and ., at most 64');
      if (definition.topic === 'payer.member-events' && subject === RESERVED_SUBJECT) {
        return fault('reserved-subject', `"${RESERVED_SUBJECT}" is no member id`);
      }
    }
    const current = this.#upcast(event);
    const parsed = definition.schema.safeParse(current.data);
    if (parsed.success) return { ok: true, event: { ...current, data: parsed.data } as E };
    const resource = parsed.error.issues.some(({ path }) => path.length === 1 && path[0] === 'resource');
    return fault(resource ? 'not-a-resource' : 'invalid-data', faultsOf(parsed.error));
  }
}

export const PAYER_CONTRACT = new PayerContract<PayerEvent>(PAYER_EVENTS, UPCASTERS);

const fault = (reason: FaultReason, detail: string) => ({ ok: false as const, fault: { reason, detail } });

/** What is wrong with a value, in words of ours: those of the schema library are for programmers. */
function textOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return 'unknown attribute';
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'invalid_type':
      return issue.input === undefined && issue.message.endsWith('received undefined')
        ? 'is missing'
        : `must be ${TYPES[issue.expected] ?? issue.expected}`;
    default:
      return issue.message;
  }
}
const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'an object',
  boolean: 'true or false',
};

function faultsOf(error: z.ZodError): string {
  const faults = error.issues.slice(0, MAX_FAULTS).map((issue) => {
    const path = issue.path.length === 0 ? 'data' : `data.${issue.path.map(String).join('.')}`;
    return `${path}: ${textOf(issue)}`;
  });
  const more = error.issues.length - faults.length;
  return faults.join('; ') + (more > 0 ? `; and ${more} more` : '');
}
