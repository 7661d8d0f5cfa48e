import { CONSENT_COPY_HEADER } from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { derivedRecord, MOST_IDS } from '@provider-access/intake';
import type { State } from '@provider-access/engines/state';
import {
  EMPTY,
  eventName,
  keyOf,
  lacking,
  type Register,
  type RegisterEntry,
  hasSameEffect,
  inOrderOfRow,
  withEntry,
} from './register.ts';

export const DERIVER = 'consent';
const streamOf = (member: string): string => `consent/${member}`;
const NAMESPACE = 'consent-event';
/**
 * How long the content of an event id is remembered, ms. A statement that can still decide is remembered for longer.
 */
const REMEMBERED_MS = 30 * 24 * 3600_000;

/** A pa.consent event of a member. */
export function published(member: string, entry: RegisterEntry, copy = false): NewRecord {
  const record = derivedRecord({
    deriver: DERIVER,
    type: entry.type,
    subject: member,
    cause: entry.cause,
    at: entry.at,
    data: { ...entry.data, member },
    ...(entry.type === 'pa.access-released.v1' && { n: 1 }),
  });
  return copy ? { ...record, headers: { ...record.headers, [CONSENT_COPY_HEADER]: 'true' } } : record;
}

/** The statements of the other ids of a person that one id lacks. */
function lackedBy(id: string, person: ReadonlyMap<string, Register>): readonly NewRecord[] {
  const registers = [...person].flatMap(([other, register]) => (other === id ? [] : [register]));
  return lacking([person.get(id)!], registers).map((entry) => published(id, entry, true));
}

/** The outcome of a statement. */
export interface Remembered {
  /** The same event was stored before, or it states nothing new. */
  readonly known: boolean;
  /** The event id came before with another content, and nothing is stored. */
  readonly other: boolean;
  /** It contradicts the current state, and a newer statement decides instead. */
  readonly superseded?: boolean;
  readonly records: readonly NewRecord[];
}

/**
 * The statements under each member id, and which ids are one person, by compare-and-set (state.streams). Both orders of
 * an opt-out and a merge, in two partitions and two processes, end the same. Each writes first and reads afterwards, so
 * at least one of them sees the other. Statements that can never decide again are dropped (ADR 0017).
 */
export class ConsentRegister {
  readonly #state: Pick<State, 'streams' | 'claims'>;
  readonly #recall: (member: string) => Promise<Register | undefined>;
  /** `recall` reads a member without a register from the log, because the state store may have lost the streams. */
  constructor(state: Pick<State, 'streams' | 'claims'>, recall: (member: string) => Promise<Register | undefined>) {
    this.#state = state;
    this.#recall = recall;
  }

  /** Stores the statement and returns what to publish. `now`: ms since the epoch. */
  async record(member: string, entry: RegisterEntry, now: number): Promise<Remembered> {
    const first = await this.#firstOf(member, entry, now);
    if (first !== undefined && first.content !== entry.content) return { known: true, other: true, records: [] };
    const key = keyOf(entry);
    let known: RegisterEntry | undefined;
    let stored = entry;
    let isNews = false;
    let superseded = false;
    const isRepeated = first !== undefined && first.at !== entry.at;
    await this.#update(member, (register) => {
      known = register.said.find((s) => keyOf(s) === key);
      if (known !== undefined) return register;
      stored = isRepeated ? entry : inOrderOfRow(register, entry);
      const after = withEntry(register, stored, isRepeated);
      isNews = after !== register;
      superseded = !isNews && !isRepeated && !hasSameEffect(register, stored);
      return after;
    });
    const other = known?.content !== undefined && entry.content !== undefined && known.content !== entry.content;
    if (other) return { known: true, other, records: [] };
    // The statement that decides instead came before it in the same partition, so each id of the person has it.
    if (known === undefined && !isNews) return { known: true, other, superseded, records: [] };
    const person = await this.#person(member);
    return {
      known: known !== undefined,
      other,
      records: [...person.keys()].map((id) => published(id, known ?? stored, id !== member)),
    };
  }

  /**
   * Joins two ids: every statement under any id of the person holds for all of them. Returns what one side lacks of the
   * other. `known`: the two were joined before, or may have been, so some of it may be published. `tooMany`: they were
   * not joined, because the person would have more than `MOST_IDS` ids. Concurrent merges may exceed that by a few.
   */
  async merge(
    a: string,
    b: string,
  ): Promise<{ readonly known: boolean; readonly tooMany?: true; readonly records: readonly NewRecord[] }> {
    if (await this.#tooMany(a, b)) return { known: false, tooMany: true, records: [] };
    let known = true;
    const link =
      (to: string) =>
      (register: Register): Register => {
        if (register.links.includes(to)) return register;
        known = false;
        return { ...register, links: [...register.links, to].sort() };
      };
    await this.#update(a, link(b));
    await this.#update(b, link(a));
    const [left, right] = [await this.#person(a, b), await this.#person(b, a)];
    // Other merges may join them at the same moment. Then each merge sees the links of all and takes the others for
    // earlier ones. So each returns what any id of the person lacks, and the facts show what is published already.
    if (left.has(b)) return { known: true, records: [...left.keys()].flatMap((id) => lackedBy(id, left)) };
    const copies = (to: ReadonlyMap<string, Register>, from: ReadonlyMap<string, Register>): NewRecord[] => {
      const lacks = lacking([...to.values()], [...from.values()]);
      return [...to.keys()].flatMap((id) => lacks.map((entry) => published(id, entry, true)));
    };
    return { known, records: [...copies(left, right), ...copies(right, left)] };
  }

  async #tooMany(a: string, b: string): Promise<boolean> {
    const left = await this.#person(a);
    if (left.has(b)) return false;
    const right = await this.#person(b);
    return !right.has(a) && left.size + right.size > MOST_IDS;
  }

  /** The first content of the event id; undefined if it is not the id of a payer's event. */
  async #firstOf(
    member: string,
    { cause, content, at }: RegisterEntry,
    now: number,
  ): Promise<{ readonly content: string; readonly at: string } | undefined> {
    if (content === undefined) return undefined;
    const name = eventName(member, cause);
    const owner = await this.#state.claims.claim(NAMESPACE, name, `${content} ${at}`, now + REMEMBERED_MS);
    const [first, time] = owner.split(' ') as [string, string];
    return { content: first, at: time };
  }

  /** Every id of the person, with its register. `without`: the link of `member` to that id does not count. */
  async #person(member: string, without?: string): Promise<ReadonlyMap<string, Register>> {
    const found = new Map<string, Register>();
    const open = [member];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (found.has(id)) continue;
      const { register } = await this.#load(id);
      found.set(id, register);
      open.push(...(id === member ? register.links.filter((to) => to !== without) : register.links));
    }
    return found;
  }

  async #update(member: string, change: (register: Register) => Register): Promise<void> {
    for (;;) {
      const { register: before, version } = await this.#load(member);
      const after = change(before);
      if (after === before && (version > 0 || before === EMPTY)) return;
      if ((await this.#state.streams.append(streamOf(member), version, [], after)).ok) return;
    }
  }
  async #load(member: string): Promise<{ readonly register: Register; readonly version: number }> {
    const head = await this.#state.streams.load<Register>(streamOf(member));
    return { register: head?.snapshot ?? (await this.#recall(member)) ?? EMPTY, version: head?.version ?? 0 };
  }
}
