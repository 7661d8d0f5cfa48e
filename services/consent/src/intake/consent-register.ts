import type { NewRecord } from '@provider-access/eventlog';
import { derivedRecord } from '@provider-access/intake';
import type { Streams } from '@provider-access/state';

export const DERIVER = 'consent';

/** One thing said about a member's consent, without the member: it is published under every id of the person. */
export interface Said {
  readonly type: 'pa.opted-out.v1' | 'pa.opted-in.v1' | 'pa.access-held.v1' | 'pa.access-released.v1';
  readonly cause: { readonly id: string; readonly source: string; readonly traceparent?: string | undefined };
  /** RFC 3339 instant. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Hash of what the payer's event says: the same id with another content is a fault. Absent where it was remembered by a version without it. */
  readonly content?: string;
}
export interface Register { readonly links: readonly string[]; readonly said: readonly Said[] }

const EMPTY: Register = { links: [], said: [] };
const keyOf = (s: Said): string => JSON.stringify([s.type, s.cause.source, s.cause.id]);
const streamOf = (member: string): string => `consent/${member}`;

/** Under an id for which it was not said: of the same person. It was accepted, and took effect, once. */
export const COPY_HEADER = 'ce_pacopy';
/** pa.consent event of a member. */
export function published(member: string, said: Said, copy = false): NewRecord {
  const record = derivedRecord({ deriver: DERIVER, type: said.type, subject: member, cause: said.cause, at: said.at, data: { ...said.data, member }, ...(said.type === 'pa.access-released.v1' && { n: 1 }) });
  return copy ? { ...record, headers: { ...record.headers, [COPY_HEADER]: 'true' } } : record;
}

/**
 * What was said under each member id and which ids are one person, by compare-and-set (state.streams). Both orders of an
 * opt-out and a merge, in two partitions and two processes, end the same: each writes first and reads afterwards,
 * so at least one of them sees the other.
 */
export class ConsentRegister {
  private readonly streams: Streams;
  private readonly recall: (member: string) => Promise<Register | undefined>;
  /** `recall` gives what the log says about a member without a register: the streams may have been lost. */
  constructor(streams: Streams, recall: (member: string) => Promise<Register | undefined> = () => Promise.resolve(undefined)) {
    this.streams = streams;
    this.recall = recall;
  }

  /** Remembers it and gives what to publish. `known`: the same event was remembered before. `other`: with another content, and nothing is remembered. */
  async say(member: string, said: Said): Promise<{ readonly known: boolean; readonly other: boolean; readonly records: readonly NewRecord[] }> {
    const key = keyOf(said);
    let known: Said | undefined;
    await this.update(member, (register) => {
      known = register.said.find((s) => keyOf(s) === key);
      return known === undefined ? { ...register, said: [...register.said, said] } : register;
    });
    const other = known?.content !== undefined && said.content !== undefined && known.content !== said.content;
    if (other) return { known: true, other, records: [] };
    const person = await this.person(member);
    return { known: known !== undefined, other, records: [...person.keys()].map((id) => published(id, known ?? said, id !== member)) };
  }

  /** Joins two ids: whatever was said under any id of the person holds for all of them. */
  async merge(a: string, b: string): Promise<readonly NewRecord[]> {
    const link = (to: string) => (register: Register): Register => (register.links.includes(to) ? register : { ...register, links: [...register.links, to].sort() });
    await this.update(a, link(b));
    await this.update(b, link(a));
    const person = await this.person(a);
    const all = new Map([...person.values()].flatMap((register) => register.said.map((s) => [keyOf(s), s] as const)));
    return [...person.keys()].flatMap((id) => [...all.values()].map((said) => published(id, said, true)));
  }

  /** Every id of the person, with its register. */
  private async person(member: string): Promise<ReadonlyMap<string, Register>> {
    const found = new Map<string, Register>();
    const open = [member];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (found.has(id)) continue;
      const register = (await this.streams.load<Register>(streamOf(id)))?.snapshot ?? (await this.recall(id)) ?? EMPTY;
      found.set(id, register);
      open.push(...register.links);
    }
    return found;
  }

  private async update(member: string, change: (register: Register) => Register): Promise<void> {
    for (;;) {
      const head = await this.streams.load<Register>(streamOf(member));
      const before = head?.snapshot ?? (await this.recall(member)) ?? EMPTY;
      const after = change(before);
      if (after === before && (head !== undefined || before === EMPTY)) return;
      if ((await this.streams.append(streamOf(member), head?.version ?? 0, [], after)).ok) return;
    }
  }
}
