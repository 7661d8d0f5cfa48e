import { bindingsAt, boundariesAfter, type MemberFacts } from '@provider-access/domain/access';
import {
  dataOf,
  type LogRestored,
  type MemberAttested,
  type MemberAttributed,
  npiKey,
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DIRECTORY,
  PA_GROUPS,
  PA_PROVIDERS,
  PA_REGISTRY,
  type ProviderKey,
} from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import type { ViewReader, Views } from '@provider-access/engines/views';
import { instant } from '@provider-access/kernel';
import { FactsStale } from '../access.ts';
import { attested, type AttestedPart } from '../attestations.ts';
import { membersOfGroups } from '../list-members.ts';
import type { Parties } from '../parties.ts';
import { groups, memberships } from '../projections.ts';
import { typeOfRecord } from '../record.ts';
import { Course, type LastDecision, NOBODY, type SeenPeriod, type UnknownPeriod } from './course.ts';
import { type FactsHistory, MEMBER_TOPICS, type Moment } from './history.ts';
import { PastParties } from './past-parties.ts';
import { SUBJECTS } from './rows.ts';
import { FOREVER, type KeptStatements, MOST_SUBJECTS, type Row, turn } from './statements.ts';

interface NamedApp {
  readonly client: string;
  readonly name: string;
  /** The decision at the end of the period. */
  readonly last: LastDecision;
}
/** When an app could see a member. */
interface SeeingApp extends NamedApp {
  readonly periods: readonly SeenPeriod[];
  /** When the platform does not know whether it could. Absent if it always does. */
  readonly unknown?: readonly UnknownPeriod[];
}
export interface AppsOfMember {
  readonly apps: readonly SeeingApp[];
  /**
   * Apps that could not, although they were at some time bound to a provider of whom a statement about the member
   * speaks. Each other app is of no provider of the member.
   */
  readonly others: readonly NamedApp[];
  /** How many of them the answer does not list. */
  readonly moreOthers: number;
  /** When the platform knows of no app whether it could see the member. */
  readonly unknown: readonly UnknownPeriod[];
}
/** A member whom an app could see, or of whom the platform does not know it. */
export interface SeenMember {
  readonly member: string;
  readonly unknownBefore?: string;
}

/** The member has more statements, or more changes in the period, than one answer folds. */
export class TooManyChanges extends Error {
  override readonly name = 'TooManyChanges';
}

/** Members that are decided together: the statements about them are read with one query a topic. */
const TOGETHER = 100;
/** Most statements of a member, by topic, that the answer about its apps keeps. */
const MOST_OF_MEMBER = 10_000;
/** Most statements that one answer folds, again at each instant: some seconds of work. */
const MOST_FOLDED = 1_000_000;
/** Decisions after which other work has its turn. */
const TURN = 50;
/** Statements of parties that a list keeps. Above that it forgets them, and reads them again. */
const MOST_KEPT = 20_000;
const PAGE = 250;
/** Most apps that could not see a member that one answer lists. */
const MOST_OTHERS = 100;
/** How long a question waits for a view, ms. */
const WAIT_MS = 5000;
const PARTY_TOPICS = [PA_REGISTRY, PA_PROVIDERS, PA_DIRECTORY] as const;
const ALL_TOPICS = [...MEMBER_TOPICS, ...PARTY_TOPICS];

export interface SeenOptions {
  readonly history: FactsHistory;
  readonly views: Pick<Views, 'reader'>;
  readonly log: Pick<EventLog, 'head'>;
  readonly parties: Pick<Parties, 'registry'>;
}

/**
 * Lists about the past (APPS.md P17). Each entry is a decision of `FactsHistory`, so `explain` of the pair and the
 * instant says the same.
 */
export class SeenHistory {
  readonly #options: SeenOptions;
  readonly #groups: ViewReader;
  readonly #memberships: ViewReader;
  readonly #attested: ViewReader;

  constructor(options: SeenOptions) {
    this.#options = options;
    const { views } = options;
    this.#groups = views.reader(groups);
    this.#memberships = views.reader(memberships);
    this.#attested = views.reader(attested);
  }

  /** Resolves when the views have everything that is in the log at the call. @throws FactsStale */
  async settled(): Promise<void> {
    const { history, log } = this.#options;
    await history.settled();
    const passed = async (reader: ViewReader, topic: string): Promise<boolean> =>
      reader.waitFor(await log.head([topic]), WAIT_MS);
    const all = await Promise.all([
      passed(this.#groups, PA_GROUPS),
      passed(this.#memberships, PA_ATTRIBUTION),
      passed(this.#attested, PA_ATTESTATIONS),
    ]);
    if (!all.every(Boolean)) throw new FactsStale();
  }

  /**
   * The apps that could see a member in a period, as the platform decided at each instant of it.
   * @param known by what was recorded until then; without it, by what was known at each instant
   * @throws TooManyChanges
   */
  async apps(member: string, { from, to }: SeenPeriod, known?: string): Promise<AppsOfMember> {
    const { history, statements } = this.#options.history.keeping(MOST_OF_MEMBER);
    const clients = await this.#mayHaveSeen(statements, member);
    const found = new Map(clients.map((client) => [client, new Course()]));
    const nobody = new Course();
    const moments = new Moments(statements, await lossesOf(statements));
    const ofMember = MEMBER_TOPICS.reduce((n, topic) => n + (statements.known(topic).get(member)?.length ?? 0), 0);
    let [folded, decided] = [0, 0];
    for (let at = from; at < to;) {
      folded += 1 + ofMember + found.size;
      if (folded > MOST_FOLDED) throw new TooManyChanges();
      const moment = { at, known: known ?? at };
      const facts = await history.member(member, moment);
      const whole = await history.unknownBefore(moment, { member: facts, party: NOT_ASKED });
      nobody.at(at, whole === undefined ? NOBODY : { unknownBefore: whole });
      const next: (string | undefined)[] = [moments.after(at), whole];
      for (const [client, course] of found) {
        if (whole !== undefined) {
          course.at(at, { unknownBefore: whole }, 'deny');
          continue;
        }
        const { decision, facts: by } = await history.decideBy(facts, { client, member, moment });
        course.at(at, decision);
        if ('unknownBefore' in decision) next.push(decision.unknownBefore);
        const [boundary] = boundariesAfter(client, by, Date.parse(at));
        if (boundary !== undefined) next.push(instant(boundary));
        if ((decided += 1) % TURN === 0) await turn();
      }
      // What the decisions have read may have been recorded next.
      next.push(moments.after(at));
      const later = next.filter((one) => one !== undefined && one > at) as string[];
      at = later.reduce((a, b) => (b < a ? b : a), to);
    }
    const seeing: SeeingApp[] = [];
    const others: NamedApp[] = [];
    for (const [client, course] of [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const { permit: periods, unknown } = course.until(to);
      const name = this.#options.parties.registry.get(client)?.name ?? client;
      const app = { client, name, last: course.last() };
      if (periods.length === 0 && unknown.length === 0) others.push(app);
      else seeing.push({ ...app, periods, ...(unknown.length > 0 && { unknown }) });
    }
    return {
      apps: seeing,
      others: others.slice(0, MOST_OTHERS),
      moreOthers: Math.max(0, others.length - MOST_OTHERS),
      unknown: nobody.until(to).unknown,
    };
  }

  /**
   * The members whom an app could see at a moment, in the order of their ids, some of them at a time. Each batch has
   * the members that were decided together, and may be empty.
   */
  async *members(client: string, moment: Moment): AsyncGenerator<readonly SeenMember[]> {
    const { history, statements } = this.#options.history.keeping();
    let batch: string[] = [];
    for await (const member of this.#candidates(history, client, moment)) {
      if (batch.push(member) < TOGETHER) continue;
      yield await decided(history, statements, { client, moment, members: batch });
      batch = [];
    }
    if (batch.length > 0) yield await decided(history, statements, { client, moment, members: batch });
  }
  /** Since when the platform knows enough for any decision of the moment; undefined if it does. */
  unknownBefore(moment: Moment): Promise<string | undefined> {
    return this.#options.history.unknownBefore(moment, { member: undefined, party: NOT_ASKED });
  }

  /** Members who were ever attributed to a provider that the app was bound to, or attested for the app. */
  async *#candidates(history: FactsHistory, client: string, moment: Moment): AsyncGenerator<string> {
    const bindings = (await history.parties(client, undefined, moment)).client(client)?.bindings ?? [];
    const bound = moment.at < moment.known ? bindingsAt({ bindings }, Date.parse(moment.at)) : bindings;
    const ids = new Set<string>();
    for (const provider of new Set(bound.map((each) => each.provider)))
      for await (const { _id } of this.#groups.scan({ index: 'by_provider', equals: [provider], pageSize: PAGE }))
        ids.add(_id);
    const ofMatches = new Set<string>();
    for await (const document of this.#attested.scan({ index: 'by_client', equals: [client], pageSize: PAGE }))
      ofMatches.add((document['attested'] as AttestedPart).member);
    const others = [...ofMatches].toSorted();
    let n = 0;
    for await (const member of membersOfGroups([{ reader: this.#memberships, part: 'membership' }], [...ids], PAGE)) {
      for (; n < others.length && others[n]! <= member; n++) if (others[n]! < member) yield others[n]!;
      yield member;
    }
    for (; n < others.length; n++) yield others[n]!;
  }

  /** Apps that were ever bound to a provider of whom a statement about the member speaks. */
  async #mayHaveSeen(statements: KeptStatements, member: string): Promise<readonly string[]> {
    const providers = await providersOf(statements, member);
    const ids = this.#options.parties.registry.ids();
    const found: string[] = [];
    for (let n = 0; n < ids.length; n += MOST_SUBJECTS) {
      const batch = ids.slice(n, n + MOST_SUBJECTS);
      await statements.load(PA_REGISTRY, batch);
      const bound: string[] = [];
      for (const client of batch) {
        const party = new PastParties(false, () => undefined);
        for await (const row of statements.of(PA_REGISTRY, client, FOREVER)) party.take(row);
        const bindings = party.client(client)?.bindings;
        // An app whose record cannot be read now could be read before.
        if (bindings === undefined || bindings.some(({ provider }) => providers?.has(provider) ?? true))
          bound.push(client);
      }
      found.push(...bound);
      statements.forget(
        PA_REGISTRY,
        batch.filter((client) => !bound.includes(client)),
      );
      await turn();
    }
    return found;
  }
}

/** Nobody has asked for the directory. */
const NOT_ASKED = { askedDirectory: () => false };

/** When something was recorded that the question has read, or lost. */
class Moments {
  readonly #statements: KeptStatements;
  readonly #losses: readonly string[];
  constructor(statements: KeptStatements, losses: readonly string[]) {
    this.#statements = statements;
    this.#losses = losses;
  }
  /** The next one after `at`. */
  after(at: string): string | undefined {
    let next = this.#losses.find((one) => one > at);
    for (const topic of ALL_TOPICS)
      for (const rows of this.#statements.known(topic).values()) {
        const found = firstAfter(rows, at);
        if (found !== undefined && (next === undefined || found < next)) next = found;
      }
    return next;
  }
}
/** By halves, because the rows are in the order of their recording. */
function firstAfter(rows: readonly Row[], at: string): string | undefined {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.recordedAt <= at) low = middle + 1;
    else high = middle;
  }
  return rows[low]?.recordedAt;
}
/** The first instants of which the log has lost what was recorded, in their order. */
async function lossesOf(statements: KeptStatements): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const row of statements.of(PA_REGISTRY, SUBJECTS.restores, FOREVER))
    if (typeOfRecord(row) === 'pa.log-restored.v1')
      found.push(instant(Date.parse(dataOf<LogRestored>(row).copied) + 1));
  return found.toSorted();
}

/**
 * Each provider of whom an attribution or attestation of the member speaks; undefined if one cannot be read.
 * @throws TooManyChanges
 */
async function providersOf(statements: KeptStatements, member: string): Promise<ReadonlySet<ProviderKey> | undefined> {
  const found = new Set<ProviderKey>();
  for (const topic of MEMBER_TOPICS)
    if ((await statements.load(topic, [member])).length > 0) throw new TooManyChanges();
  for (const topic of [PA_ATTRIBUTION, PA_ATTESTATIONS])
    for await (const row of statements.of(topic, member, FOREVER))
      try {
        const { providers = [], npi } = dataOf<Partial<MemberAttributed & MemberAttested>>(row);
        for (const provider of providers) found.add(provider);
        if (npi !== undefined) found.add(npiKey(npi));
      } catch {
        return undefined;
      }
  return found;
}

/** Decides about some members, whose statements are read together. */
async function decided(
  history: FactsHistory,
  statements: KeptStatements,
  {
    client,
    moment,
    members,
  }: { readonly client: string; readonly moment: Moment; readonly members: readonly string[] },
): Promise<readonly SeenMember[]> {
  for (const topic of MEMBER_TOPICS) await statements.load(topic, members);
  const seen: SeenMember[] = [];
  const facts = new Map<string, MemberFacts | undefined>();
  for (const member of members) facts.set(member, await history.member(member, moment));
  for (const [n, member] of members.entries()) {
    const { decision } = await history.decideBy(facts.get(member), { client, member, moment });
    if ('unknownBefore' in decision) seen.push({ member, ...decision });
    else if (decision.permit) seen.push({ member });
    if (n % TURN === TURN - 1) await turn();
  }
  for (const topic of MEMBER_TOPICS) statements.forget(topic, members);
  for (const topic of [...PARTY_TOPICS, PA_CONSENT, PA_ATTRIBUTION])
    if (statements.known(topic).size > MOST_KEPT) statements.forget(topic, [...statements.known(topic).keys()]);
  return seen;
}
