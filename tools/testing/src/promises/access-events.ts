import type { DomainEvent } from '@provider-access/events';
import { iso, MINUTE, type Payer, when } from './events.ts';
import type { Model, Span } from './model.ts';
import { type Operation, type Practice, PROVIDERS } from './operations.ts';
import type { World } from './world.ts';

interface AccessEventsOptions {
  readonly world: World;
  readonly model: Model;
  readonly payer: Payer;
  /** Gives the sequence Groups of its own. */
  readonly contract: string;
}

/** The payer's events about coverage and attribution, each of which the model learns. */
export class AccessEvents {
  readonly #options: AccessEventsOptions;
  constructor(options: AccessEventsOptions) {
    this.#options = options;
  }

  #span(event: DomainEvent, span: Pick<Span, 'key' | 'start' | 'inForce' | 'end'>): DomainEvent {
    this.#options.model.spans.push({ id: event.id, member: event.subject!, time: Date.parse(event.time), ...span });
    return event;
  }
  /** A coverage begins or ends, by an event about the one coverage of the member. */
  coverage(
    member: string,
    { ends, ago, from, to, day, plan }: Omit<Extract<Operation, { op: 'coverage' }>, 'op' | 'member' | 'via'>,
  ): DomainEvent {
    const { now } = this.#options.world;
    const start = when(now + from * MINUTE, day, ends ? 'last day' : 'gives');
    // If a coverage would end before it begins, its event states no end.
    const last = ends || to === undefined ? undefined : when(now + to * MINUTE, day, 'last day');
    const end = last !== undefined && last.ms > start.ms ? last : undefined;
    const data = ends
      ? { coverageId: 'c', to: start.text }
      : { coverageId: 'c', from: start.text, ...(end !== undefined && { to: end.text }), ...(plan && { plan }) };
    const event = this.#options.payer.event(
      ends ? 'payer.member-terminated.v1' : 'payer.member-enrolled.v1',
      member,
      data,
      {
        ago,
      },
    );
    if (!ends && plan !== undefined)
      this.#options.model.lines.plans.push({ member, plan, from: start.ms, time: Date.parse(event.time) });
    return this.#span(event, { key: 'coverage', start: start.ms, inForce: !ends, end: end?.ms });
  }
  /** An attribution to a practice begins or ends. */
  attribution(member: string, practice: Practice, by: 'npi' | 'tin', ends: boolean, from: number): DomainEvent {
    const start = this.#options.world.now + from * MINUTE;
    const provider = { [by]: PROVIDERS[practice][by], contract: this.#options.contract };
    const event = this.#options.payer.event(
      ends ? 'payer.attribution-ended.v1' : 'payer.attribution-asserted.v1',
      member,
      ends ? { provider, to: iso(start) } : { provider, from: iso(start) },
    );
    return this.#span(event, { key: `${practice}/${by}`, start, inForce: !ends });
  }
}
