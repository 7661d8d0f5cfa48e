import type { AccessHeld, EventFault } from '@provider-access/events';
import { type Batch, deadLetterId } from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import type { AccessHolds } from './access-holds.ts';
import type { AccessEvent, AccessRole } from './access-role.ts';
import { isOfPlatform } from './internal-fault.ts';
import { detailOfHeld, type Matter, matterOf } from './matter.ts';
import type { Resolutions } from './resolutions.ts';
import type { Output, Stage, Taken } from './stage.ts';

interface HoldsOptions<E> {
  readonly role: AccessRole<E>;
  readonly holds: AccessHolds;
  readonly resolutions: Resolutions;
  readonly batch: Batch;
  /** The events of each hold, by dead letter, of all attempts at the batch. */
  readonly published: Map<string, Promise<readonly AccessHeld[]>>;
  /** ms since the epoch: the newest transactionTime of an export. */
  readonly newest: number;
}
/** An event that names the dead letter that it replays, and that took effect. */
interface Replay {
  readonly name: string;
  readonly deadLetter: string;
  readonly matter: Matter;
  readonly at: string;
}

/**
 * The last stage of an intake that decides access. It makes dead letters of what the service refuses, denies access
 * that such an event might have ended, and ends the holds of dead letters whose replay took effect.
 */
export class HoldsStage<E> implements Stage<AccessEvent<E>> {
  readonly #options: HoldsOptions<E>;
  readonly #replays: Replay[] = [];
  constructor(options: HoldsOptions<E>) {
    this.#options = options;
  }

  each(event: AccessEvent<E>, taken: Taken | undefined): Promise<Taken | undefined> | Taken | undefined {
    const { role } = this.#options;
    const { record, inbound } = event;
    const fault = taken === undefined ? (inbound.ok ? undefined : inbound.fault) : taken.ok ? undefined : taken.fault;
    if (fault !== undefined)
      return isOfPlatform(fault) || role.refuses(record, inbound) ? this.#refuse(event, fault) : undefined;
    if (taken === undefined || !taken.ok || inbound.type === undefined) return taken;
    this.#noteReplay(event);
    return role.reports(inbound.type) ? { ...taken, about: inbound.type } : { ...taken, outcome: undefined };
  }

  async after(): Promise<void> {
    const { holds, resolutions, published, newest } = this.#options;
    // Everything is durable now. A hold must not end before its replacement is there.
    for (const held of published.values()) await holds.appended(await held);
    for (const { name, deadLetter, matter, at } of this.#replays)
      await resolutions.took(name, deadLetter, matter, instant(Math.max(Date.parse(at), newest)));
  }

  /**
   * Makes a dead letter of an event of ours, and denies access that the event might have ended. A replay that fails
   * again is held under both names.
   */
  async #refuse({ record, inbound, at }: AccessEvent<E>, fault: EventFault): Promise<Taken> {
    const { role, batch } = this.#options;
    const held = role.holdOf(record, inbound, deadLetterId(batch.topic, batch.partition, record.offset));
    const outputs: Output[] = [];
    if (held !== undefined)
      for (const accessHeld of await this.#publishedOf(held)) outputs.push(...(await role.hold(accessHeld, at)));
    // Another service makes the dead letter, under the same name.
    if (!inbound.ok && inbound.stray && role.interest.strays !== 'parked')
      return { ok: true, outcome: undefined, outputs };
    const { type } = inbound;
    return {
      ok: false,
      fault: { ...fault, detail: detailOfHeld(fault.detail, held) },
      about: type,
      outputs,
      unreported: type !== undefined && !role.reports(type),
    };
  }

  #publishedOf(held: Parameters<AccessHolds['hold']>[0]): Promise<readonly AccessHeld[]> {
    const { holds, published } = this.#options;
    let events = published.get(held.deadLetter);
    if (events === undefined) published.set(held.deadLetter, (events = holds.hold(held)));
    return events;
  }

  /**
   * Notes the dead letter that an event replays. If this service would not have made that dead letter, the event ends
   * no hold of this service.
   */
  #noteReplay({ record, inbound, at }: AccessEvent<E>): void {
    const { role, batch } = this.#options;
    const { event, type } = inbound;
    const deadLetter = event?.extensions?.['pareplayof'];
    if (event === undefined || deadLetter === undefined || !role.refuses(record, inbound)) return;
    this.#replays.push({
      name: deadLetterId(batch.topic, batch.partition, record.offset),
      deadLetter,
      matter: { ...matterOf(type, event.subject, event.data), type },
      at,
    });
  }
}
