import { MEMBERS_OF_SUPPORTING } from '@provider-access/jobs/files';
import type { CarriedBy } from './ask.ts';

/** References to supporting resources, and the members whose resources contain them. */
export class Carried {
  readonly #by = new Map<string, number[]>();
  add(reference: string, member: number): void {
    const members = this.#by.get(reference);
    if (members === undefined) this.#by.set(reference, [member]);
    else if (members.at(-1) !== member && members.length < MEMBERS_OF_SUPPORTING) members.push(member);
  }
  has(reference: string, member: number): boolean {
    return this.#by.get(reference)?.at(-1) === member;
  }
  without(other: Carried): CarriedBy[] {
    return this.all().filter(([reference]) => !other.#by.has(reference));
  }
  names(): Iterable<string> {
    return this.#by.keys();
  }
  all(): CarriedBy[] {
    return [...this.#by].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
}
