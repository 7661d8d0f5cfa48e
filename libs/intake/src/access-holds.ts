import { EVERY_SOURCE, MORE_HOLDS } from '@provider-access/domain/access';
import type { Claims, Streams } from '@provider-access/engines/state';
import type { AccessHeld } from '@provider-access/events';
import type { Logger, MemberHash } from '@provider-access/service/observability';

/**
 * A hold in the state store, where its attributes keep their names. The intake publishes one event for `member` and one
 * for each of `others`.
 */
export interface Hold extends AccessHeld {
  readonly others?: readonly string[];
}
/** The events of a hold: one for each member. */
function eachMember({ others = [], ...hold }: Hold): readonly AccessHeld[] {
  return [hold, ...others.map((member) => ({ ...hold, member }))];
}
/** The methods of a service's state that are needed here. */
export interface HoldsState {
  readonly claims: Pick<Claims, 'claim' | 'get'>;
  readonly streams: Pick<Streams, 'load' | 'append'>;
}

/** Gets one log line for each hold, with the hash of the member. */
interface HoldsLog {
  readonly logger: Pick<Logger, 'warn'>;
  readonly memberHash?: MemberHash;
}

/**
 * The members whom a hold denies: each one that the event names. If no member can be read, the policy chooses between
 * everybody and the source of the event. A hold of a source denies the members about whom that source has published, so
 * a hold of a new portal denies nobody.
 */
export function holdOf(
  names: readonly string[],
  source: string,
  policy: 'hold-all' | 'hold-source',
): Pick<Hold, 'member' | 'source' | 'others'> {
  const [member, ...others] = names;
  if (member === undefined) return { source: policy === 'hold-all' ? EVERY_SOURCE : source };
  return { member, source, ...(others.length > 0 && { others }) };
}

/**
 * The facts get at most so many open holds of one member, provider or source. One further hold stands for the others.
 */
export const MOST_HOLDS = 8;

/** The open holds of one member, provider or source. */
interface Line {
  /** Dead letters with an event of their own that are not resolved yet. */
  readonly open: readonly string[];
  /** Further dead letters are claims, numbered from `first` to `next - 1`. Those before `first` are resolved. */
  readonly first: number;
  readonly next: number;
  /** The hold that stands for them, while one of them is open. */
  readonly more?: string;
  /** `more` is durable in the log. The state store has this name. */
  readonly told?: true;
  /** The newest such hold that has ended. */
  readonly ended?: string;
  /** Its release is durable in the log. It has the name of the hold, because a release before does not change it. */
  readonly released?: string;
  /** Holds that ended before `ended`, and whose release is not known to be durable. */
  readonly unreleased?: readonly string[];
}
const EMPTY: Line = { open: [], first: 0, next: 0 };
function nameOf({ member, providers, source }: AccessHeld): string {
  if (member !== undefined) return `member/${member}`;
  return providers === undefined ? `source/${source}` : `providers/${[...providers].sort().join(',')}`;
}

/**
 * Remembers for which dead letters a service holds access, and whose. It stores the hold before the hold is appended,
 * so that a release finds it whatever was delivered in between. Each service has a namespace of its own.
 *
 * The facts of a member must not grow with the number of events that cannot be read. So the facts get at most
 * `MOST_HOLDS` open holds of one member, and one more hold that stands for all others. That one ends when each of the
 * dead letters behind it is resolved (ADR 0031).
 */
export class AccessHolds {
  readonly #state: HoldsState;
  readonly #deriver: string;
  readonly #namespace: string;
  readonly #log: HoldsLog | undefined;
  constructor(state: HoldsState, deriver: string, log?: HoldsLog) {
    this.#log = log;
    this.#state = state;
    this.#deriver = deriver;
    this.#namespace = `access-hold/${deriver}`;
  }
  /** The hold as it was first stored. */
  async remember(hold: Hold): Promise<Hold> {
    const { deadLetter, eventType, member } = hold;
    this.#log?.logger.warn(
      { deadLetter, eventType, ...(member !== undefined && { member: this.#log.memberHash?.of(member) }) },
      'access is held until a parked event is resolved',
    );
    return JSON.parse(await this.#state.claims.claim(this.#namespace, hold.deadLetter, JSON.stringify(hold))) as Hold;
  }
  /** undefined if this service never held access for the dead letter. */
  async find(deadLetter: string): Promise<Hold | undefined> {
    const found = await this.#state.claims.get(this.#namespace, deadLetter);
    return found === undefined ? undefined : (JSON.parse(found) as Hold);
  }

  /** Stores how a record ended. Call this for a dead letter before `release`, because `release` reads it. */
  async end(name: string, how: string): Promise<void> {
    await this.#state.claims.claim(this.#ends, name, how);
  }
  /** How a record ended (`end`); undefined until then. */
  endOf(name: string): Promise<string | undefined> {
    return this.#state.claims.get(this.#ends, name);
  }

  /**
   * The events to publish for a hold: the hold itself, or beyond `MOST_HOLDS` the hold that stands for many. None if
   * that one is in the log already.
   */
  async hold(hold: Hold): Promise<readonly AccessHeld[]> {
    const published: AccessHeld[] = [];
    for (const held of eachMember(await this.remember(hold))) published.push(...(await this.#enter(held)));
    return published;
  }
  /** Call this when the events of `hold` are durable in the log. */
  async appended(published: readonly AccessHeld[]): Promise<void> {
    for (const held of published) if (held.deadLetter.startsWith(MORE_HOLDS)) await this.#confirm(held);
  }
  /**
   * The events that end with a dead letter. Call `end` for it before. Its own hold ends; the hold that stands for many
   * ends when this was the last dead letter behind it.
   */
  async release(hold: Hold): Promise<readonly AccessHeld[]> {
    const published: AccessHeld[] = [];
    for (const held of eachMember(hold)) published.push(...(await this.#leave(held)));
    return published;
  }
  /** Call this when the events of `release` are durable in the log. Until then, each release publishes them again. */
  async releasesAppended(published: readonly AccessHeld[]): Promise<void> {
    for (const held of published) if (held.deadLetter.startsWith(MORE_HOLDS)) await this.#confirmRelease(held);
  }

  async #enter(held: AccessHeld): Promise<readonly AccessHeld[]> {
    const { deadLetter } = held;
    for (;;) {
      const { version, line } = await this.#line(held);
      // A batch was delivered again after somebody resolved its dead letter. The facts remember the release, so the
      // line is not changed. If the facts have dropped the release, the hold denies until somebody discards the dead
      // letter again. Ask only after the line was read: a release changes the line after it has stored the end, so
      // either this finds the end, or the line cannot be saved and is read again. Otherwise the dead letter would give
      // its name to the next hold of many, and the facts would take that hold for the one that has ended.
      if ((await this.endOf(deadLetter)) !== undefined) return [held];
      if (line.open.includes(deadLetter)) return [held];
      if (line.open.length < MOST_HOLDS) {
        if (await this.#save(held, version, { ...line, open: [...line.open, deadLetter] })) return [held];
        continue;
      }
      // Another process may have used the number for another dead letter, and died before it counted it. Count it here.
      // The dead letter of that process does not name the hold that stands for many. Its own hold may have ended
      // already, and the facts ignore a hold whose name they have seen released.
      const owner = await this.#state.claims.claim(this.#lines, rowOf(held, line.next), deadLetter);
      const { more = MORE_HOLDS + deadLetter } = line;
      const after = { ...line, next: line.next + 1, ...(owner === deadLetter && { more }) };
      if ((await this.#save(held, version, after)) && owner === deadLetter)
        return line.told === true ? [] : [{ ...held, deadLetter: more }];
    }
  }

  async #confirm(held: AccessHeld): Promise<void> {
    for (;;) {
      const { version, line } = await this.#line(held);
      if (line.more !== held.deadLetter || line.told === true) return;
      if (await this.#save(held, version, { ...line, told: true })) return;
    }
  }

  async #confirmRelease(held: AccessHeld): Promise<void> {
    const more = held.deadLetter;
    for (;;) {
      const { version, line } = await this.#line(held);
      const { unreleased = [], ...rest } = line;
      const left = unreleased.filter((name) => name !== more);
      const isNews = left.length < unreleased.length || (line.ended === more && line.released !== more);
      if (!isNews) return;
      const names = { ...(left.length > 0 && { unreleased: left }), ...(line.ended === more && { released: more }) };
      if (await this.#save(held, version, { ...rest, ...names })) return;
    }
  }

  async #leave(held: AccessHeld): Promise<readonly AccessHeld[]> {
    const { deadLetter } = held;
    for (;;) {
      const { version, line } = await this.#line(held);
      // The release before this one published every hold by itself.
      if (version === 0) return [held];
      let { first } = line;
      while (first < line.next && (await this.#isResolved(held, first))) first += 1;
      const after: Line = {
        ...(first === line.next ? withoutMore(line) : line),
        open: line.open.filter((open) => open !== deadLetter),
        first,
      };
      if (!(await this.#save(held, version, after))) continue;
      return [held, ...releasesOf(after).map((more) => ({ ...held, deadLetter: more }))];
    }
  }

  async #isResolved(held: AccessHeld, n: number): Promise<boolean> {
    const deadLetter = await this.#state.claims.get(this.#lines, rowOf(held, n));
    return deadLetter === undefined || (await this.endOf(deadLetter)) !== undefined;
  }
  async #line(held: AccessHeld): Promise<{ readonly version: number; readonly line: Line }> {
    const head = await this.#state.streams.load<Line>(this.#streamOf(held));
    return { version: head?.version ?? 0, line: head?.snapshot ?? EMPTY };
  }
  async #save(held: AccessHeld, version: number, line: Line): Promise<boolean> {
    return (await this.#state.streams.append(this.#streamOf(held), version, [], line)).ok;
  }
  #streamOf(held: AccessHeld): string {
    return `holds/${this.#deriver}/${nameOf(held)}`;
  }
  get #lines(): string {
    return `hold-lines/${this.#deriver}`;
  }
  get #ends(): string {
    return `dead-letter-ends/${this.#deriver}`;
  }
}

const rowOf = (held: AccessHeld, n: number): string => `${nameOf(held)}/${n}`;

/** The line when the last dead letter behind `more` is resolved. */
function withoutMore({ more, told: _, ...line }: Line): Line {
  if (more === undefined) return line;
  const { ended, released, unreleased = [] } = line;
  const before = ended === undefined || ended === released ? unreleased : [...unreleased, ended];
  return { ...line, ended: more, ...(before.length > 0 && { unreleased: before }) };
}

/**
 * The holds of many that a release publishes as ended. A process may die after it has stored that one ended and before
 * it appends that. Meanwhile further dead letters may have opened the next one. So each end is published until it is
 * known to be durable. The newest is also published later, while no other is open, because its hold may be appended
 * late, after the facts have dropped its release.
 */
function releasesOf({ more, ended, released, unreleased = [] }: Line): readonly string[] {
  const isLast = ended !== undefined && (more === undefined || ended !== released);
  return isLast ? [...unreleased, ended] : unreleased;
}
