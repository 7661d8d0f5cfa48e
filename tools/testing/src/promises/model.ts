import { Attestations } from './attestations.ts';
import { Lines, type LinesTable } from './lines.ts';
import { Notices } from './notices.ts';
import { PRACTICES, type Practice, PROVIDERS } from './operations.ts';
import { Recalls } from './recalls.ts';
import { CARDIOLOGY, identifiersOf, isWithin, type Reach } from './scopes.ts';

/**
 * The promises of the platform about which clients see which members, as a program. It follows docs/opt-outs.md and
 * imports no code of the platform. All instants are ms since the epoch by the clock of the engines.
 *
 * The exact time at which an accepted event takes effect, and the clock that decides, are unknown. So each question has
 * two answers: whether an answer of the platform may contain a member, and whether it must.
 */

const MINUTE = 60_000;
/** Within this difference of two sources' clocks, the order of two statements is unknown. */
const TOLERANCE_MS = 5 * MINUTE;

export type Lean = 'may' | 'must';

interface Event {
  readonly id: string;
  readonly member: string;
  /** Business time, by the clock of the source. */
  readonly time: number;
  /** Every process has read the event. Before that, its effect is uncertain. */
  settled?: boolean;
}
export interface Statement extends Event {
  readonly out: boolean;
  readonly source: string;
  /** The earliest and the latest moment at which it may have reached the platform. */
  sent: readonly [number, number];
  readonly from?: number | undefined;
  /** Whom an opt-out bars, or whose opt-outs an opt-in ends. Undefined for everybody. */
  readonly reach?: Reach | undefined;
  /** How far the platform's clock may have been behind when it recorded an opt-in. */
  lag?: number;
}
/** A coverage or an attribution from `start` on: in force until `end`, or not in force. */
export interface Span extends Event {
  readonly key: string;
  /** The full file that states it: who sent it, and the beginning of the day of which it tells, in UTC. */
  readonly file?: { readonly sender: string; readonly asOf: number };
  readonly start: number;
  readonly inForce: boolean;
  readonly end?: number | undefined;
}
export interface Merge extends Event {
  readonly other: string;
}
/** The hold of a dead letter. Without `members` it denies all members; `person`: it denies every id of the person. */
export interface Hold {
  readonly id: string;
  readonly members?: readonly string[] | undefined;
  readonly person: boolean;
  settled?: boolean;
  ending?: boolean;
  /** The opt-out to which the dead letter was corrected. It takes the place of the hold. */
  readonly corrected?: Statement;
}

/** A version of the document of a member. */
export interface DocumentVersion {
  readonly member: string;
  /** The attachments that it refers to. */
  readonly attachments: readonly number[];
  /** Its security labels withhold it. */
  readonly labelled: boolean;
  settled?: boolean;
  /** The platform had it before the next one came, so that it is among the kept versions. */
  kept?: boolean;
}

export interface ModelOptions {
  /** The table of lines that is in force. */
  readonly table: LinesTable | undefined;
  readonly holdsUntilNotice: boolean;
}

export class Model {
  now = 0;
  /** How far the clock of an instance may be behind or ahead, and how far one was since everything was settled. */
  lag = 0;
  lead = 0;
  readonly statements: Statement[] = [];
  readonly spans: Span[] = [];
  readonly merges: Merge[] = [];
  /** In the order of their business time. */
  readonly documents: DocumentVersion[] = [];
  holds: Hold[] = [];
  /** The last network status of a practice, and earlier ones that may still be in effect. */
  readonly network = new Map<string, boolean[]>();
  /** The same of the specialty of a practice; undefined where the directory has none. */
  readonly specialties = new Map<string, (string | undefined)[]>([
    ['A', [CARDIOLOGY]],
    ['B', [undefined]],
  ]);
  readonly approved: boolean[] = [];
  readonly lines: Lines;
  readonly notices = new Notices();
  readonly recalls = new Recalls();
  readonly attestations = new Attestations();
  /** Nobody sees a member who has not got a notice. */
  readonly #holdsUntilNotice: boolean;

  constructor({ table, holdsUntilNotice }: ModelOptions = { table: undefined, holdsUntilNotice: false }) {
    this.lines = new Lines(table);
    this.#holdsUntilNotice = holdsUntilNotice;
  }

  /**
   * Whether an answer for a practice's client may, or must, contain the member.
   * @param key only by this attribution; @param matched only by the attestation of this Group
   */
  visible(member: string, client: number, practice: string, lean: Lean, key?: string, matched?: string): boolean {
    const keys = matched !== undefined ? [] : key === undefined ? [`${practice}/npi`, `${practice}/tin`] : [key];
    const by = { persons: this.#person(member, false), client, group: matched };
    const isGrounded =
      keys.some((k) => this.#inForce(member, k, lean)) ||
      (key === undefined && this.attestations.stands(by, member, lean, this.present));
    return isGrounded && this.open(member, client, practice, lean);
  }
  /** Whether everything but the ground, an attribution or an attestation, lets the client see the member. */
  open(member: string, client: number, practice: string, lean: Lean): boolean {
    const wanted = lean === 'may';
    // Present events may become dead letters, because an instance takes them for events from the future.
    if (!wanted && this.farBehind && this.#open()) return false;
    if (this.approved[client] !== true || this.#held(member, lean)) return false;
    const network = this.network.get(practice) ?? [];
    if (!(wanted ? network.some(Boolean) : network.every(Boolean))) return false;
    if (!this.#inForce(member, 'coverage', lean)) return false;
    if (!this.lines.started(member, lean, this.present) || !this.#isTold(member, lean)) return false;
    return !this.#outs(member, lean).some((o) => this.#bars(o, member, practice as Practice, lean));
  }

  /** A newer version of a member's document. */
  revise({ member, attachments, labelled }: DocumentVersion): void {
    const before = this.documents.findLast((version) => version.member === member);
    if (before?.settled === true) before.kept = true;
    this.documents.push({ member, attachments, labelled });
  }
  /**
   * Whether labels permit the member's document, or this attachment of it: the current version is permitted, and a
   * permitted version refers to the attachment.
   */
  permits(member: string, lean: Lean, attachment?: number): boolean {
    const all = this.documents.filter((version) => version.member === member);
    /** One of them is the current one. */
    const present = all.slice(all.findLastIndex(({ settled }) => settled === true));
    const has = ({ labelled, attachments }: DocumentVersion): boolean =>
      !labelled && (attachment === undefined || attachments.includes(attachment));
    if (lean === 'may') return present.some(({ labelled }) => !labelled) && all.some(has);
    return (
      present.every(({ labelled }) => !labelled) &&
      (present.every(has) || all.some((version) => version.kept === true && has(version)))
    );
  }

  /** For an instance whose clock is so far behind, present events come from the future. */
  get farBehind(): boolean {
    return this.lag > TOLERANCE_MS - MINUTE;
  }
  /** An operator corrected a dead letter to an opt-out. Its member is denied by the hold, and then by the opt-out. */
  correct(holds: readonly Hold[], corrected: Statement): void {
    this.statements.push(corrected);
    for (const hold of holds) {
      this.holds.push({ ...hold, members: [corrected.member], person: true, ending: true, corrected });
      Object.assign(hold, { ending: true, settled: false });
    }
  }
  /** The effects of a statement that the platform may report. */
  answers(stated: Statement): readonly string[] {
    const effects = ['accepted'];
    const ahead = stated.from !== undefined && stated.from > this.now - this.lag;
    const present = stated.from === undefined || stated.from <= Math.max(this.now + this.lead, stated.sent[1]);
    const does = [...(ahead ? ['scheduled'] : []), ...(present ? ['effective'] : [])];
    if (this.farBehind) effects.push('parked');
    if (stated.out) {
      if (this.#standing(stated, stated.member, 'may') === undefined) effects.push('superseded');
      // If another opt-out denies as much, is later and begins no later, the answer describes that one (ADR 0017).
      const denied = this.#outs(stated.member, 'must', true).some(
        (o) =>
          o !== stated &&
          o.time > stated.time &&
          (o.from ?? 0) <= Math.max(this.now + this.lead, stated.from ?? 0) &&
          coversAll(o.reach, stated.reach),
      );
      if (denied) effects.push('effective', 'scheduled');
      return this.#standing(stated, stated.member, 'must') === undefined ? effects : [...effects, ...does];
    }
    if (this.#outs(stated.member, 'must').some((o) => this.#resists(o, stated, 'must'))) effects.push('superseded');
    if (this.#outs(stated.member, 'may').some((o) => this.#resists(o, stated, 'may'))) return effects;
    const another = this.#ins(stated.member, 'may').some((i) => i !== stated && (i.from ?? 0) <= this.now + this.lead);
    const applies = [...does, ...(another ? ['effective', 'scheduled'] : [])];
    // What would apply now is answered `held` while a dead letter or a missing notice denies the member.
    const waits = (lean: Lean): boolean => this.#held(stated.member, lean) || !this.#isTold(stated.member, lean);
    const held = applies.includes('effective') && waits('must') ? ['held'] : [];
    const free = applies.filter((effect) => effect !== 'effective' || !waits('may'));
    return [...effects, ...free, ...held];
  }

  /** Called when every process has read all events, and all clocks are right again. */
  settle(): void {
    for (const stated of this.statements) {
      if (stated.settled !== true) stated.lag = this.lag;
    }
    const { plans } = this.lines;
    const { sent, returned } = this.notices;
    for (const all of [this.statements, this.spans, this.merges, this.holds, this.documents, plans, sent, returned])
      for (const event of all) event.settled = true;
    this.recalls.settle();
    this.attestations.settle();
    this.holds = this.holds.filter(({ ending }) => ending !== true);
    for (const all of [...this.network.values(), ...this.specialties.values()]) all.splice(0, all.length - 1);
    this.lag = 0;
    this.lead = 0;
  }

  #open(): boolean {
    return (
      this.attestations.isOpen ||
      [...this.statements, ...this.spans, ...this.merges].some(({ settled }) => settled !== true) ||
      [...this.network.values(), ...this.specialties.values()].some(({ length }) => length > 1)
    );
  }

  /** The ids that may be of one person. */
  person(member: string): ReadonlySet<string> {
    return this.#person(member, false);
  }
  /** The ids of one person: the certain ones, or the possible ones. */
  #person(member: string, surely: boolean): ReadonlySet<string> {
    const ids = new Set([member]);
    for (let size = 0; size < ids.size;) {
      size = ids.size;
      for (const { member: a, other: b, settled } of this.merges)
        if ((!surely || settled === true) && (ids.has(a) || ids.has(b))) ids.add(a).add(b);
    }
    return ids;
  }
  /** The earliest and the latest time by which an instance may decide. */
  get present(): readonly [number, number] {
    return [this.now - this.lag, this.now + this.lead];
  }
  #isTold(member: string, lean: Lean): boolean {
    return !this.#holdsUntilNotice || this.notices.told(this.#person(member, lean === 'must'), lean, this.present);
  }
  #held(member: string, lean: Lean): boolean {
    const person = this.#person(member, lean === 'may');
    // An opt-in that is later than the opt-out of a correction may end it before everything is settled.
    return this.holds.some(
      ({ members, person: whole, settled, corrected: o }) =>
        (lean === 'must' || (settled === true && (o === undefined || this.#standing(o, member, lean) !== undefined))) &&
        (members === undefined || members.some((m) => (whole ? person.has(m) : m === member))),
    );
  }
  /**
   * The newest statement whose time has come counts. Events of a member arrive in order, so a prefix of the uncertain
   * ones counts.
   */
  #inForce(member: string, key: string, lean: Lean): boolean {
    const all = this.spans.filter((s) => s.member === member && s.key === key);
    const known = all.filter(({ settled }) => settled === true);
    const open = all.filter(({ settled }) => settled !== true);
    const edges = all.flatMap(({ start, end }) => (end === undefined ? [start] : [start, end]));
    const [first, last] = this.present;
    const instants = [first, last, ...edges.filter((t) => t >= first && t <= last)];
    const found = [...open.keys(), open.length].flatMap((n) =>
      instants.map((t) => isInForce([...known, ...open.slice(0, n)], t)),
    );
    return lean === 'may' ? found.some(Boolean) : found.every(Boolean);
  }

  /**
   * Opt-outs that stand, with what is left of them: the certain ones for `may`, the possible ones for `must`.
   * @param scheduled includes those that have not begun
   */
  #outs(member: string, lean: Lean, scheduled = false): readonly Statement[] {
    const surely = lean === 'may';
    const person = this.#person(member, surely);
    return this.statements.filter((o) => {
      if (!o.out || !person.has(o.member) || (surely && o.settled !== true)) return false;
      const ahead = o.from !== undefined && o.from > o.sent[0];
      if (!scheduled && ahead && o.from > (surely ? this.now - this.lag : this.now + this.lead)) return false;
      return this.#standing(o, member, lean) !== undefined;
    });
  }
  /** What opt-ins left of an opt-out (N10): an opt-in for some identifiers ends what the opt-out says about these. */
  #standing(o: Statement, member: string, lean: Lean): { readonly reach: Reach | undefined } | undefined {
    const ending = this.#ins(member, lean).filter((i) => this.#ends(i, o, lean));
    if (ending.some(({ reach }) => reach === undefined)) return undefined;
    const named = o.reach?.identifiers;
    if (named === undefined || named.length === 0) return { reach: o.reach };
    const left = named.filter((id) => !ending.some(({ reach }) => reach!.identifiers!.includes(id)));
    return left.length === 0 ? undefined : { reach: { identifiers: left } };
  }
  /** Whether what is left of an opt-out bars a practice. `may`: certainly; `must`: possibly. */
  #bars(o: Statement, member: string, practice: Practice, lean: Lean): boolean {
    const standing = this.#standing(o, member, lean);
    if (standing?.reach === undefined) return standing !== undefined;
    const { identifiers = [], categories } = standing.reach;
    const all = this.specialties.get(practice)!.map((one) => categories !== undefined && isWithin(categories, one));
    if (lean === 'may' ? all.every(Boolean) : all.some(Boolean)) return true;
    return identifiersOf(PROVIDERS[practice]).some((id) => identifiers.includes(id));
  }
  /**
   * Whether an opt-out stands against an opt-in: it bars someone whom the opt-in is for, and the opt-in does not end
   * that. `may`: certainly; `must`: possibly.
   */
  #resists(o: Statement, i: Statement, lean: Lean): boolean {
    const after = this.#after(i, o, lean);
    const wanted = i.reach?.identifiers;
    if (wanted === undefined) return !after && (lean === 'must' || o.reach?.identifiers?.length !== 0);
    if (o.reach?.identifiers !== undefined && after && o.reach.identifiers.every((id) => wanted.includes(id)))
      return false;
    return PRACTICES.some(
      (practice) =>
        identifiersOf(PROVIDERS[practice]).some((id) => wanted.includes(id)) && this.#bars(o, i.member, practice, lean),
    );
  }
  #ins(member: string, lean: Lean): readonly Statement[] {
    const person = this.#person(member, lean === 'must');
    return this.statements.filter((i) => !i.out && person.has(i.member) && (lean === 'may' || i.settled === true));
  }
  /** The business time of an opt-in is its arrival at the latest. */
  #after(i: Statement, o: Statement, lean: Lean): boolean {
    const reached = lean === 'may' ? i.sent[1] : i.sent[0] - (i.lag ?? this.lag);
    return Math.min(i.time, reached) > o.time + (i.source === o.source ? 0 : TOLERANCE_MS);
  }
  /** Whether an opt-in ended an opt-out, or ends it before it begins. `may`: possibly; `must`: certainly. */
  #ends(i: Statement, o: Statement, lean: Lean): boolean {
    const by = lean === 'may' ? this.now + this.lead : this.now - this.lag;
    return this.#after(i, o, lean) && (i.from ?? 0) <= Math.max(by, o.from ?? 0);
  }
}

/** Whether the first one reaches everybody whom the second one reaches. */
function coversAll(a: Reach | undefined, b: Reach | undefined): boolean {
  if (a === undefined || b === undefined) return a === undefined;
  const covers = (some: readonly string[] = [], others: readonly string[] = []): boolean =>
    others.every((one) => some.includes(one));
  return covers(a.identifiers, b.identifiers) && covers(a.categories, b.categories);
}

const newest = (spans: readonly Span[]): Span | undefined =>
  spans.reduce<Span | undefined>((a, b) => (a === undefined || b.time > a.time ? b : a), undefined);
const holdsAt = (span: Span | undefined, t: number): boolean =>
  span?.inForce === true && (span.end === undefined || t < span.end);
/**
 * Whether a single event or one sender of full files says so (docs/send-your-roster.md). The end of a single event also
 * ends what files of its day and of earlier days say.
 */
function isInForce(spans: readonly Span[], t: number): boolean {
  const begun = spans.filter(({ start }) => start <= t);
  const single = newest(begun.filter(({ file }) => file === undefined));
  if (holdsAt(single, t)) return true;
  const senders = new Set(begun.flatMap(({ file }) => file?.sender ?? []));
  return [...senders].some((sender) => {
    const row = newest(begun.filter(({ file }) => file?.sender === sender))!;
    return holdsAt(row, t) && (single === undefined || single.time < row.file!.asOf);
  });
}
