import type { DecidedAt } from '@provider-access/audit';
import type { DenialReason } from '@provider-access/events';
import { type ReadOfMember, readOfMember, type ReadOfParties, readUntil } from '@provider-access/facts/views';
import type { ViewDocument } from '@provider-access/engines/views';
import { instant } from '@provider-access/kernel';

interface Refused {
  readonly members: string[];
  /** How far the facts of each had been read; undefined if the document does not tell. */
  readonly read: (ReadOfMember | undefined)[];
  at: number;
}

/** The members of a chunk who are denied, and for `explain` when that was decided, and by what (ADR 0145). */
export class Refusals {
  readonly #ofParties: ReadOfParties;
  readonly #all = new Map<DenialReason, Refused>();

  constructor(ofParties: ReadOfParties) {
    this.#ofParties = ofParties;
  }

  /**
   * @param document the facts that decided
   * @param at the instant of the decision, ms since the epoch
   */
  add(member: string, reason: DenialReason, document: ViewDocument | undefined, at: number): void {
    let refused = this.#all.get(reason);
    if (refused === undefined) this.#all.set(reason, (refused = { members: [], read: [], at }));
    refused.members.push(member);
    refused.read.push(readOfMember(document));
    refused.at = Math.max(refused.at, at);
  }
  get members(): Partial<Record<DenialReason, readonly string[]>> {
    return Object.fromEntries(Array.from(this.#all, ([reason, { members }]) => [reason, members]));
  }
  /** An entry about several members has the instant of its newest decision. */
  get decided(): Partial<Record<DenialReason, DecidedAt>> {
    const decidedBy = ({ read, at }: Refused): DecidedAt => {
      const known = read.filter((one) => one !== undefined);
      return { at: instant(at), ...(known.length === read.length && { read: readUntil(known, this.#ofParties) }) };
    };
    return Object.fromEntries(Array.from(this.#all, ([reason, refused]) => [reason, decidedBy(refused)]));
  }
}
