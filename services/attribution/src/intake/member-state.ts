import { type MemberMerged, PA_ATTESTATIONS, PA_ATTRIBUTION, PA_MEMBERS, bufferOf } from '@provider-access/events';
import type { EventLog, LogRecord, NewRecord } from '@provider-access/engines/log';
import {
  aboutOf,
  attestationFacts,
  type AttestationsPart,
  type AttributionPart,
  attributionSays,
  endSteps,
  EVERY_COVERAGE,
  evolveAttribution,
  evolveMembers,
  type MemberFactsDocument,
  membersSay,
  type MembersPart,
  type NoticesPart,
  type Step,
  stepsThatEnd,
} from '@provider-access/facts';
import { MOST_IDS } from '@provider-access/intake';
import type { AttestationFact } from '@provider-access/domain/access';
import type { ViewReader } from '@provider-access/engines/views';
import type { MemberStatement } from '../domain/decide-member-event.ts';

/** How long an intake waits for the view to contain its last append, ms. Afterwards it continues without that. */
const WAIT_MS = 1000;

interface Parts {
  members?: MembersPart;
  attribution?: AttributionPart;
  attestations?: AttestationsPart | undefined;
}

/**
 * The facts of the members of one batch, with what the batch has added so far. They distinguish a repeated event
 * (`unchanged`) and an overtaken one (`superseded`), for which nothing is appended, from a new one. They use the same
 * folds as the view, so both agree. If the view lags or is unreachable, every event counts as new: the outcome is less
 * exact, and the facts end the same.
 */
export class MemberState {
  readonly #parts = new Map<string, Parts>();
  readonly #now: number;
  /** Undefined if the view lags or is unreachable. */
  #reader: ViewReader | undefined;
  private constructor(now: number, reader: ViewReader) {
    this.#now = now;
    this.#reader = reader;
  }

  static async load(log: EventLog, reader: ViewReader, members: readonly string[], now: number): Promise<MemberState> {
    const state = new MemberState(now, reader);
    if (members.length === 0) return state;
    const head = await log.head([PA_MEMBERS, PA_ATTRIBUTION, PA_ATTESTATIONS]);
    if (!(await reader.waitFor(head, WAIT_MS).catch(() => false))) state.#reader = undefined;
    await state.#fetch(members);
    return state;
  }
  async #fetch(members: readonly string[]): Promise<void> {
    const unknown = members.filter((member) => !this.#parts.has(member));
    if (this.#reader === undefined || unknown.length === 0) return;
    try {
      const docs = await this.#reader.getMany(unknown);
      for (const [i, member] of unknown.entries()) {
        const { members: part, attribution, attestations } = (docs[i] ?? {}) as Partial<MemberFactsDocument>;
        this.#parts.set(member, { members: part, attribution, attestations });
      }
    } catch {
      // The views are unreachable, so every event counts as new.
      this.#reader = undefined;
    }
  }

  /**
   * Whether a merge would join more ids than `MOST_IDS`, by the facts. The consent service also counts the ids in its
   * register.
   */
  async joinsTooMany({ member, retired }: MemberMerged): Promise<boolean> {
    await this.#fetch([member]);
    if (this.#parts.get(member)?.members?.mergedWith?.includes(retired)) return false;
    const left = await this.#person(member);
    return !left.has(retired) && left.size + (await this.#person(retired)).size > MOST_IDS;
  }
  /** All ids of a person, as far as the facts are readable. */
  idsOf(member: string): Promise<ReadonlySet<string>> {
    return this.#person(member);
  }
  /** What providers attest of an id that was retired, and not yet of the id that stays. */
  async attestationsLeft({ member, retired }: MemberMerged, at: string): Promise<readonly AttestationFact[]> {
    await this.#fetch([member, retired]);
    const [kept, left] = [member, retired].map((id) => attestationFacts(this.#parts.get(id)?.attestations));
    const known = new Set(kept!.map(({ group }) => group));
    return left!.filter(({ group, to }) => !known.has(group) && to !== undefined && to > at);
  }
  /** What the facts of an id say about notices. */
  noticesOf(member: string): NoticesPart {
    return this.#parts.get(member)?.members ?? {};
  }
  async #person(member: string): Promise<ReadonlySet<string>> {
    const found = new Set([member]);
    for (let open: readonly string[] = [member]; open.length > 0 && found.size <= MOST_IDS;) {
      await this.#fetch(open);
      const linked = new Set(open.flatMap((id) => this.#parts.get(id)?.members?.mergedWith ?? []));
      open = [...linked].filter((id) => !found.has(id));
      for (const id of open) found.add(id);
    }
    return found;
  }

  /**
   * What is known of the same coverage or attribution, by which a statement is ordered (`orderedAfter`). Ends that hold
   * for the Group of an attribution count, and so do attributions that an end ends. None for another statement.
   */
  stepsBeside({ type, data }: MemberStatement): readonly Step[] {
    const { members, attribution } = this.#parts.get(data.member) ?? {};
    // Statements of one source's files are ordered by the time of their import alone.
    if ('file' in data && data.file !== undefined) return [];
    switch (type) {
      case 'pa.coverage-changed.v1': {
        const { coverage = {}, all = [] } = members ?? {};
        const every = data.coverageId === EVERY_COVERAGE ? Object.values(coverage).flat() : [];
        const own = Object.hasOwn(coverage, data.coverageId) ? coverage[data.coverageId]! : [];
        return [...own, ...every, ...all];
      }
      case 'pa.member-attributed.v1': {
        const { groups = {} } = attribution ?? {};
        const own = Object.hasOwn(groups, data.group) ? groups[data.group]!.steps : [];
        return [...own, ...endSteps(attribution, aboutOf(data))];
      }
      case 'pa.attribution-ended.v1':
        return stepsThatEnd(attribution, aboutOf(data));
      default:
        return [];
    }
  }

  /** What is known of a member, with what was applied. */
  partsOf(member: string): Parts {
    return this.#parts.get(member) ?? {};
  }

  /** The plan that was stated last about a coverage, as far as is known. */
  planOf(member: string, coverageId: string): string | undefined {
    const { plans } = this.#parts.get(member)?.members ?? {};
    return plans !== undefined && Object.hasOwn(plans, coverageId) ? plans[coverageId]!.at(-1)?.plan : undefined;
  }

  /** Applies a derived event; false if it changes nothing. */
  apply(member: string, topic: typeof PA_MEMBERS | typeof PA_ATTRIBUTION, record: NewRecord): boolean {
    const known = this.#parts.get(member) ?? {};
    const seen = this.#asRead(topic, record);
    const members = topic === PA_MEMBERS ? evolveMembers(known.members, seen) : undefined;
    const attribution = topic === PA_ATTRIBUTION ? evolveAttribution(known.attribution, seen) : undefined;
    if (members === undefined && attribution === undefined) return false;
    this.#parts.set(member, {
      ...known,
      members: members ?? known.members,
      attribution: attribution ?? known.attribution,
    });
    return true;
  }

  /** Whether the statement of a derived event counts, by what is known and what the batch has added so far. */
  stands(member: string, topic: typeof PA_MEMBERS | typeof PA_ATTRIBUTION, record: NewRecord): boolean {
    const { members, attribution } = this.#parts.get(member) ?? {};
    const seen = this.#asRead(topic, record);
    return topic === PA_MEMBERS ? membersSay(members, seen) : attributionSays(attribution, seen);
  }

  /** A derived event in the form in which the view reads it. */
  #asRead(topic: string, { key, headers, value }: NewRecord): LogRecord {
    const bytes = bufferOf(value);
    return { topic, partition: 0, offset: 0, key, headers, value: bytes, timestamp: this.#now };
  }
}
