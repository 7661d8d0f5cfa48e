import {
  type AccessRequest,
  decide,
  type Decision,
  type MemberFacts,
  type PartyFacts,
  type Purpose,
  sourcesOf,
} from '@provider-access/domain/access';
import {
  dataOf,
  type LogRestored,
  type NetworkStatusRecorded,
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DIRECTORY,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
  type ProviderKey,
  type RestoreAccepted,
} from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { instant } from '@provider-access/kernel';
import { collectionName, type ViewReader, type Views } from '@provider-access/engines/views';
import { FactsStale } from '../access.ts';
import type { MembersPart } from '../coverage.ts';
import type { Parties } from '../parties.ts';
import { personOfId } from '../persons.ts';
import { typeOfRecord } from '../record.ts';
import { PastMember } from './past-member.ts';
import { PastParties } from './past-parties.ts';
import { type ReadOfDecision, ReadStatements } from './read-statements.ts';
import { history, HISTORY_TOPICS, SUBJECTS } from './rows.ts';
import {
  FOREVER,
  KeptStatements,
  PAGE,
  type Row,
  type Statements,
  StoredStatements,
  together,
  turn,
} from './statements.ts';

/** The instant of a decision, and until when what was recorded counts. RFC 3339, UTC, milliseconds. */
export interface Moment {
  readonly at: string;
  readonly known: string;
}
export interface PastFacts {
  readonly member: MemberFacts | undefined;
  readonly party: PartyFacts;
}
interface PastRequest {
  readonly client: string;
  readonly member: string;
  readonly moment: Moment;
  readonly purpose?: Purpose;
}
export interface ServedHistory {
  readonly history: FactsHistory;
  /** When statements were recorded that questions have met, and that the decision had not read: RFC 3339, in order. */
  unread(): readonly string[];
}
/** A decision of the past, or since when the platform knows enough for one (APPS.md P15). */
export type PastDecision = Decision | { readonly unknownBefore: string };

export const MEMBER_TOPICS = [PA_MEMBERS, PA_ATTRIBUTION, PA_CONSENT, PA_ATTESTATIONS] as const;
/** Of these the log has holds of whole sources. */
const HOLD_TOPICS = [PA_CONSENT, PA_ATTRIBUTION] as const;
/** Ids of losses (`lossId`) of the groups that read for this view, in each of its versions. */
const LOSSES = `loss/view/${collectionName(history).slice(0, -String(history.version).length)}`;
/** So many of the newest statements of a topic are kept apart (P13). Of older ones, only what still decided is kept. */
const MOST_ROWS = 1000;
/** Ids of one person that are followed. */
const MOST_IDS = 50;
/** How long a question waits for the view, ms. */
const WAIT_MS = 5000;

export interface HistoryOptions {
  readonly views: Pick<Views, 'reader'>;
  readonly log: Pick<EventLog, 'head' | 'read' | 'partitions'>;
  readonly parties: Pick<Parties, 'client' | 'holdsUntilNotice'>;
}

/** The facts of the past, as valid and as known (APPS.md, P10 to P16). */
export class FactsHistory {
  readonly #reader: ViewReader;
  readonly #options: HistoryOptions;
  readonly #statements: Statements;

  /** @param statements default: those of the view */
  constructor(options: HistoryOptions, statements?: Statements) {
    this.#options = options;
    this.#reader = options.views.reader(history);
    this.#statements = statements ?? new StoredStatements(this.#reader);
  }

  /**
   * For a question that decides many times: what it has asked for once is kept, and can be loaded before.
   * @param most statements of one subject and topic that are kept
   */
  keeping(most = MOST_ROWS): { readonly history: FactsHistory; readonly statements: KeptStatements } {
    const statements = new KeptStatements(new StoredStatements(this.#reader), most);
    return { history: new FactsHistory(this.#options, statements), statements };
  }

  /**
   * The history of one decision that was served: with what its facts had been read, whenever it was recorded (ADR
   * 0145). Undefined if the log was restored since, because a restored log counts its records anew.
   * @param at the instant of the decision
   */
  async asServed(member: string, at: string, read: ReadOfDecision): Promise<ServedHistory | undefined> {
    for await (const row of this.#statements.of(PA_REGISTRY, SUBJECTS.restores, FOREVER))
      if (typeOfRecord(row) === 'pa.log-restored.v1' && dataOf<LogRestored>(row).restoredAt > at) return undefined;
    const statements = new ReadStatements(this.#statements, member, read);
    return { history: new FactsHistory(this.#options, statements), unread: () => statements.unread() };
  }

  /** Resolves when the view has everything that is in the log at the call. @throws FactsStale */
  async settled(): Promise<void> {
    const head = await this.#options.log.head(HISTORY_TOPICS);
    if (!(await this.#reader.waitFor(head, WAIT_MS))) throw new FactsStale();
  }

  /** The statements about a member that had been recorded by `known`. */
  async member(member: string, { at, known }: Moment): Promise<MemberFacts | undefined> {
    const past = new PastMember(member);
    let completeFrom: string | undefined;
    for (const topic of MEMBER_TOPICS) {
      const newest: Row[] = [];
      for await (const row of this.#statements.of(topic, member, known)) {
        newest.push(row);
        if (newest.length <= MOST_ROWS) continue;
        const oldest = newest.shift()!;
        past.take(oldest);
        if (completeFrom === undefined || oldest.recordedAt > completeFrom) completeFrom = oldest.recordedAt;
      }
      for (const [n, row] of newest.entries()) {
        past.take(row, at < known ? at : undefined);
        if (n % PAGE === PAGE - 1) await turn();
      }
    }
    const facts = past.facts();
    if (facts === undefined || completeFrom === undefined) return facts;
    return { ...facts, completeFrom: latest(completeFrom, facts.completeFrom ?? completeFrom) };
  }

  /** The id that stood for the person of a member id by `known`: another one if a merge had retired the id (P14). */
  async survivor(member: string, known: string): Promise<string> {
    const partOf = async (id: string): Promise<MembersPart | undefined> => {
      const past = new PastMember(id);
      for await (const row of this.#statements.of(PA_MEMBERS, id, known)) past.take(row);
      return past.members;
    };
    const part = await partOf(member);
    if (part?.retired !== true) return member;
    const load = async (ids: readonly string[]): Promise<ReadonlyMap<string, MembersPart>> => {
      const parts = new Map<string, MembersPart>();
      for (const id of ids) {
        const found = await partOf(id);
        if (found !== undefined) parts.set(id, found);
      }
      return parts;
    };
    return (await personOfId(member, part, { load, most: MOST_IDS })).id;
  }

  /** What was known of an app, and of everybody whom a decision about the member may ask for. */
  async parties(client: string, member: MemberFacts | undefined, moment: Moment): Promise<PastParties> {
    const { parties } = this.#options;
    const party = new PastParties(parties.holdsUntilNotice, (id) => parties.client(id)?.name);
    for (const subject of [client, SUBJECTS.lines])
      for await (const row of this.#statements.of(PA_REGISTRY, subject, moment.known)) party.take(row);
    if (member === undefined) return party;
    const { attributions, attestations = [], optOuts } = member;
    const providers = [
      ...attributions.flatMap((a) => a.providers),
      ...attestations.map(({ provider }) => provider),
      ...(party.client(client)?.bindings.map(({ provider }) => provider) ?? []),
    ];
    // Other identifiers of a provider matter only to an opt-out that names providers or categories.
    await this.#providers(
      party,
      providers,
      moment,
      optOuts.some(({ scope }) => scope !== 'global'),
    );
    if (optOuts.some(({ scope }) => scope === 'provider-category') || attestations.length > 0)
      await this.#directory(
        party,
        providers.flatMap((one) => party.identity(one)),
        moment,
      );
    await this.#holds(party, member, moment);
    return party;
  }

  /** The decision for a client, and the facts behind it. `settled` comes first. */
  async decide(
    client: string,
    member: string,
    moment: Moment,
    purpose: Purpose = { kind: 'explain' },
  ): Promise<{ readonly decision: PastDecision; readonly facts: PastFacts }> {
    return this.decideBy(await this.member(member, moment), { client, member, moment, purpose });
  }
  /** As `decide`, by what `member` has answered for the moment. */
  async decideBy(
    known: MemberFacts | undefined,
    { client, member, moment, purpose = { kind: 'explain' } }: PastRequest,
  ): Promise<{ readonly decision: PastDecision; readonly facts: PastFacts }> {
    const party = await this.parties(client, known, moment);
    const facts = { member: known, party };
    const decision = decide(requestOf(client, purpose, moment, member), facts);
    const unknownBefore = await this.unknownBefore(moment, facts);
    return { decision: unknownBefore === undefined ? decision : { unknownBefore }, facts };
  }

  async #providers(
    party: PastParties,
    providers: readonly ProviderKey[],
    { known }: Moment,
    withIdentities: boolean,
  ): Promise<void> {
    const seen = new Set<string>();
    const taken: Row[] = [];
    for (let open: readonly string[] = [...new Set(providers)]; open.length > 0;) {
      for (const subject of open) seen.add(subject);
      const rows = await this.#statements.ofMany(PA_PROVIDERS, open, known);
      taken.push(...rows);
      const others = withIdentities ? rows.flatMap(joinedIn) : [];
      open = [...new Set(others)].filter((subject) => !seen.has(subject));
    }
    for (const row of together(taken)) party.take(row);
  }
  async #directory(party: PastParties, providers: readonly ProviderKey[], { known }: Moment): Promise<void> {
    const ofProviders = await this.#statements.ofMany(PA_DIRECTORY, [...new Set<string>(providers)], known);
    // A newer version of an entry may not name the provider any more, and a role may name the entry.
    const entries = new Set(ofProviders.map((row) => row.headers['ce_subject'] ?? ''));
    const ofEntries = await this.#statements.ofMany(PA_DIRECTORY, [...entries], known);
    const roles = new Set(ofEntries.map((row) => row.headers['ce_subject'] ?? '').filter((one) => !entries.has(one)));
    const ofRoles = await this.#statements.ofMany(PA_DIRECTORY, [...roles], known);
    for (const row of together([...ofProviders, ...ofEntries, ...ofRoles])) party.take(row);
  }
  async #holds(party: PastParties, member: MemberFacts, { known }: Moment): Promise<void> {
    const sources = sourcesOf(member);
    const subjects = sources.includes('?') ? [SUBJECTS.sources] : sources.map(SUBJECTS.source);
    for (const topic of HOLD_TOPICS)
      for (const row of await this.#statements.ofMany(topic, subjects, known)) party.take(row);
  }

  /** Since when the platform knows what it would need for a decision of this moment; undefined if it knows it. */
  async unknownBefore(
    { at, known }: Moment,
    {
      member,
      party,
    }: { readonly member: MemberFacts | undefined; readonly party: Pick<PastParties, 'askedDirectory'> },
  ): Promise<string | undefined> {
    const lost = await this.#lost();
    // When the lost statements were recorded nobody knows, nor what was in force by them.
    if (at < lost.before || known < lost.before) return lost.before;
    const begins = await this.#beginning();
    if (begins !== undefined && known < begins) return begins;
    if (at < known && member?.completeFrom !== undefined && at < member.completeFrom) return member.completeFrom;
    // What was recorded in between is lost.
    const restored = lost.between.find(({ copied, restoredAt }) => copied < known && known < restoredAt);
    if (restored !== undefined) return restored.restoredAt;
    if (!party.askedDirectory()) return undefined;
    const newest = await this.#statements.directoryUntil(await this.#options.log.partitions(PA_DIRECTORY));
    return known < newest ? newest : undefined;
  }
  /**
   * What restores of the log have lost, and before when this view lacks statements that retention removed unread: an
   * operator has let it go on without them (ADR 0021). RFC 3339; '' if it lacks none.
   */
  async #lost(): Promise<{ readonly before: string; readonly between: readonly LogRestored[] }> {
    let before = '';
    const between: LogRestored[] = [];
    for await (const row of this.#statements.of(PA_REGISTRY, SUBJECTS.restores, FOREVER)) {
      if (typeOfRecord(row) === 'pa.log-restored.v1') between.push(dataOf<LogRestored>(row));
      else if (dataOf<RestoreAccepted>(row).restore.startsWith(LOSSES)) before = latest(before, row.recordedAt);
    }
    return { before, between };
  }
  /**
   * When the platform recorded the first decision about an app or a key, as far as the view or the log know. The view
   * keeps what retention has removed from the log since.
   */
  async #beginning(): Promise<string | undefined> {
    const { log } = this.#options;
    const begins = await this.#statements.registryFrom(await log.partitions(PA_REGISTRY));
    if (begins !== undefined) return begins;
    const firsts = await Promise.all(
      Array.from({ length: await log.partitions(PA_REGISTRY) }, (_, p) => log.read(PA_REGISTRY, p, 0, 1)),
    );
    const times = firsts.flat().map(({ timestamp }) => timestamp);
    return times.length === 0 ? undefined : instant(Math.min(...times));
  }
}

const latest = (a: string, b: string): string => (a > b ? a : b);
/** The other identifiers of the provider that a record names. */
function joinedIn(row: Row): readonly string[] {
  try {
    const { provider, with: others = [] } = dataOf<NetworkStatusRecorded>(row);
    return others.length === 0 ? [] : [provider, ...others];
  } catch {
    return [];
  }
}

/**
 * The decision of a moment. Where both times are one, it is the decision as it was made then, with the clock of the
 * facts (`decisionTime`). Otherwise only what was in force at `at` counts.
 */
const requestOf = (client: string, purpose: Purpose, { at, known }: Moment, member: string): AccessRequest => ({
  client,
  purpose,
  member,
  now: at,
  ...(at < known && { past: true as const }),
});
