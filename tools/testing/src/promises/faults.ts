import type { DomainEvent } from '@provider-access/events';
import { iso, type Payer } from './events.ts';
import type { Hold, Model, Statement } from './model.ts';
import type { Operation } from './operations.ts';
import { type Answer, Broken, json, type World } from './world.ts';

export interface FaultsOptions {
  readonly world: World;
  readonly model: Model;
  readonly members: readonly string[];
  /** Prefix of the event ids of a sequence. */
  readonly name: string;
  readonly payer: Payer;
}

interface Spoilt {
  /** The event that was meant, and what it states from the moment on at which it is sent. */
  readonly corrected?: { readonly event: DomainEvent; readonly states: () => Statement };
  /** The event names its member. */
  readonly named: boolean;
}
export type Resolution = Extract<Operation, { op: 'resolve' }>['how'];

/** Sends unreadable events, and handles dead letters as operators do. */
export class Faults {
  readonly #world: World;
  readonly #model: Model;
  readonly #members: readonly string[];
  readonly #name: string;
  readonly #payer: Payer;
  /** Events that must become dead letters, with the corrected event. */
  readonly #spoilt = new Map<string, Spoilt>();

  constructor({ world, model, members, name, payer }: FaultsOptions) {
    this.#world = world;
    this.#model = model;
    this.#members = members;
    this.#name = name;
    this.#payer = payer;
  }

  /** Whether an event has to become a dead letter. */
  has(event: string): boolean {
    return this.#spoilt.has(event);
  }

  /** Sends an unreadable event, which denies all members that it may concern. */
  async spoil({ how, member: m, other: o, via }: Extract<Operation, { op: 'fault' }>): Promise<void> {
    const member = this.#members[m]!;
    const other = this.#members[o]!;
    // So far in the future that it is still there when a process reads the event.
    const ahead = -1_000_000;
    const out = 'payer.member-opted-out.v1';
    const hold = (id: string, members: readonly string[] | undefined, person: boolean): void =>
      void this.#model.holds.push({ id, members, person });
    const spoilt = (event: DomainEvent, corrected?: Spoilt['corrected']): DomainEvent => {
      this.#payer.sent.push({ event, spoilt: true });
      this.#spoilt.set(event.id, {
        ...(corrected !== undefined && { corrected }),
        named: event.subject !== undefined,
      });
      return event;
    };
    /** The payer's intention: an opt-out now. */
    const meant = (event: DomainEvent): DomainEvent => {
      const corrected = {
        ...event,
        type: event.type === 'payer.member-opted-out.v2' ? event.type : out,
        time: iso(this.#world.now),
        subject: member,
        data: { scope: 'global' },
      };
      const { now } = this.#world;
      return spoilt(event, {
        event: corrected,
        states: () => ({
          id: event.id,
          out: true,
          member,
          source: event.source,
          time: Date.parse(corrected.time),
          sent: [now, this.#world.now],
        }),
      });
    };
    switch (how) {
      case 'an opt-out with impossible data': {
        const event = meant(this.#payer.event(out, member, { scope: 7 }));
        hold(event.id, [member], true);
        return this.#world.publish(event, via).then((answer) => this.#parked(answer, event));
      }
      case 'an opt-out from an impossible day': {
        const event = meant(this.#payer.event(out, member, { effectiveFrom: '2026-02-30' }));
        hold(event.id, [member], true);
        return this.#world.publish(event, via).then((answer) => this.#parked(answer, event));
      }
      case 'an opt-out of a scope that does not exist': {
        const event = meant(this.#payer.event('payer.member-opted-out.v2', member, { scope: 'family' }));
        hold(event.id, [member], true);
        return this.#world.publish(event, via).then((answer) => this.#parked(answer, event));
      }
      case 'an opt-in without the proof of a representative': {
        const data = { setBy: 'personal-representative' };
        const event = spoilt(this.#payer.event('payer.member-opted-in.v2', member, data));
        hold(event.id, [member], true);
        return this.#world.publish(event, via).then((answer) => this.#parked(answer, event));
      }
      case 'an opt-out of the future': {
        const event = meant(this.#payer.event(out, member, {}, { ago: ahead }));
        hold(event.id, [member], true);
        return this.#world.publish(event, via).then((answer) => this.#parked(answer, event));
      }
      case 'an opt-out without a member': {
        // From a portal that has not published any other event yet.
        const event = meant(this.#payer.event(out, undefined, {}, { source: 'urn:new-portal' }));
        hold(event.id, undefined, false);
        return this.#world.append(event);
      }
      case 'an opt-out whose type is misspelt': {
        const event = meant(this.#payer.event('payer.member-optedout.v1', member, {}));
        hold(event.id, [member], true);
        return this.#world.append(event);
      }
      case 'a merge of the future': {
        const event = spoilt(this.#payer.event('payer.members-merged.v1', member, { from: other }, { ago: ahead }));
        hold(event.id, [member, other], false);
        await this.#world.publish(event, via);
        return;
      }
      case 'an end of coverage on an impossible day': {
        const event = spoilt(
          this.#payer.event('payer.member-terminated.v1', member, { coverageId: 'c', to: '2026-02-30' }),
        );
        hold(event.id, [member], false);
        await this.#world.publish(event, via);
        return;
      }
      case 'an opt-out under an id that was used': {
        const before = this.#payer.sent.find(
          ({ stated, spoilt: bad }) =>
            bad === undefined && stated?.out === true && stated.member === member && stated.settled === true,
        );
        if (before === undefined) return;
        const event = {
          ...before.event,
          time: iso(Date.parse(before.event.time) + 7),
          // A corrected Consent stays a Consent. Only its time makes it another statement.
          data: before.event.type === out ? { scope: 'global', channel: 'again' } : before.event.data,
        };
        this.#payer.sent.push({ event, spoilt: true });
        this.#spoilt.set(event.id, { named: true });
        hold(`${event.id} again`, [member], true);
        return this.#world.publish(event, via).then((answer) => this.#parked(answer, event, `${event.id} again`));
      }
    }
  }
  #parked(answer: Answer, event: DomainEvent, hold = event.id): void {
    const { status } = json(answer);
    if (!['parked', 'accepted'].includes(status))
      throw new Broken(`${event.id} cannot be read, and was answered ${answer.body}`);
    if (status === 'parked') for (const known of this.#model.holds) if (known.id === hold) known.settled = true;
  }

  async letters(): Promise<readonly { readonly id: string; readonly event: string; readonly reason: string }[]> {
    const answer = await this.#world.operate('/events/dead-letters?status=open');
    return (json(answer).deadLetters as { id: string; event: string; reason: string }[]).filter(({ event }) =>
      event.startsWith(`${this.#name}-`),
    );
  }
  async resolve(id: string, how: Resolution, via: number): Promise<void> {
    const letter = (await this.letters()).find((found) => found.id === id);
    if (letter === undefined) return;
    const known = this.#spoilt.get(letter.event);
    const holds = this.#model.holds.filter(
      (hold: Hold) => hold.id === (letter.reason === 'event-id-reused' ? `${letter.event} again` : letter.event),
    );
    const corrected = known?.corrected;
    const other = this.#members.find((member) => member !== corrected?.event.subject)!;
    switch (how) {
      case 'discard':
        await this.#answered(id, how, { reason: 'a test' }, via);
        for (const hold of holds) Object.assign(hold, { ending: true, settled: false });
        return;
      case 'correct':
        if (corrected === undefined) return;
        await this.#answered(id, 'replay', { specversion: '1.0', ...corrected.event }, via);
        this.#model.correct(holds, corrected.states());
        return;
      case 'correct for another member':
      case 'correct to another type': {
        if (corrected === undefined || !known!.named) return;
        const another =
          how === 'correct for another member'
            ? { subject: other }
            : { type: 'payer.member-enrolled.v1', data: { coverageId: 'another', from: '2020-01-01' } };
        const body = { specversion: '1.0', ...corrected.event, ...another };
        const { status } = await this.#world.administer(`/events/dead-letters/${id}/replay`, body, via);
        if (status < 400) throw new Broken(`${how}: the replay of a dead letter was answered ${status}`);
        return;
      }
      case 'claim to be its replay': {
        // So old that it has no effect. Only an operator's replay ends a hold.
        const event = this.#payer.event(
          'payer.member-opted-in.v1',
          corrected?.event.subject ?? other,
          {},
          { ago: 100_000 },
        );
        return this.#world.append({ ...event, extensions: { pareplayof: id } });
      }
      case 'replay':
        // An unreadable event is still unreadable, and the hold continues. An event that was in the future for one
        // clock is accepted now.
        await this.#answered(id, how, undefined, via);
        if (known === undefined) for (const hold of holds) hold.ending = true;
        return;
    }
  }
  async #answered(id: string, what: 'discard' | 'replay', body: unknown, via: number): Promise<void> {
    const { status, body: text } = await this.#world.administer(`/events/dead-letters/${id}/${what}`, body, via);
    // 409: an earlier attempt succeeded, but its instance died before the answer.
    if (![200, 202, 409].includes(status)) throw new Broken(`${what} was answered ${status} ${text}`);
  }
}
