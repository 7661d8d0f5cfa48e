import { createHash } from 'node:crypto';
import {
  changeSince,
  type GroupMember,
  groupMember,
  type GroupProvider,
  type ListEntry,
  listEntry,
} from '@provider-access/domain/pdex';
import type { ListedMember } from '@provider-access/facts';
import { ContentHash, type Hidden, type SeenVersion, type Since, sinceOf, type Visible } from './group-versions.ts';

/** More marks than this are not kept. Then all entries of the next version are new. */
const MOST_HIDDEN = 1000;
/** Names a member in the state store, where no id of a member need stand. */
const markOf = (member: string): string => createHash('sha256').update(member).digest('base64url').slice(0, 16);

/** What one client sees of a Group at one moment, member by member. */
export class VisibleList {
  readonly #provider: GroupProvider;
  readonly #boundMs: number;
  /** The version that the client saw last, and the one after it. What is new in them differs. */
  readonly #same: { readonly since: Since; readonly content: ContentHash };
  readonly #next: { readonly since: Since; readonly content: ContentHash };
  readonly #hidden: string[] = [];
  readonly sources = new Set<string>();
  #entries: ListEntry[] = [];
  #known = 0;
  quantity = 0;

  /** @param boundMs how long ago a fact may have been recorded that a process did not show, ms */
  constructor(provider: GroupProvider, seen: SeenVersion, boundMs: number) {
    this.#provider = provider;
    this.#boundMs = boundMs;
    const { same, next } = sinceOf(seen);
    this.#same = { since: same, content: new ContentHash() };
    this.#next = { since: next, content: new ContentHash() };
  }

  /**
   * Takes a member of the Group. All members who are not visible leave the same trace: none (ADR 0120).
   * @param withheld whether a label withholds the member's Patient
   */
  add(member: string, { decision, since, known, sources }: ListedMember, withheld: boolean): void {
    this.#known = Math.max(this.#known, known);
    for (const source of sources) this.sources.add(source);
    if (!decision.permit) return;
    if (withheld) {
      this.#hidden.push(markOf(member));
      return;
    }
    this.quantity++;
    const { attributions, attestations = [] } = decision;
    const entry = listEntry(member, attributions.length > 0 ? attributions : attestations, since);
    this.#entries.push(entry);
    for (const { since: from, content } of [this.#same, this.#next])
      content.add(groupMember(this.#entryAt(entry, from), this.#provider));
  }
  /** Drops the entries, of which only the hash counts. */
  forget(): void {
    this.#entries = [];
  }

  /**
   * What the client sees, for `GroupVersions.of`.
   * @param head the Group without its members
   * @param others what else can change the content without a fact about a member
   */
  visible(head: unknown, others: readonly unknown[], now: number, known: number): Visible {
    this.#same.content.add(head);
    this.#next.content.add(head);
    const circumstances = new ContentHash();
    for (const part of [this.#hidden, ...others]) circumstances.add(part);
    return {
      same: this.#same.content.digest(),
      next: this.#next.content.digest(),
      circumstances: circumstances.digest(),
      hidden: this.#hidden.length > MOST_HIDDEN ? 'many' : this.#hidden,
      now,
      known: Math.max(this.#known, known),
    };
  }

  /** The entries of a version. */
  members(version: Since): readonly GroupMember[] {
    return this.#entries.map((entry) => this.#entryAt(entry, version));
  }

  /** An entry that came so shortly before `before` that the client may not have seen it counts as new once more. */
  #entryAt(entry: ListEntry, { before, hidden }: Since): GroupMember {
    const { since: _since, changed: _changed, ...member } = entry;
    const isBack = isIn(hidden, entry.member);
    return {
      ...member,
      change: changeSince(entry, isBack || before === undefined ? undefined : before - this.#boundMs),
    };
  }
}

const isIn = (hidden: Hidden, member: string): boolean =>
  hidden === 'many' || (hidden.length > 0 && hidden.includes(markOf(member)));
