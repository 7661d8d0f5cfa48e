import { Inject, Injectable } from '@nestjs/common';
import { type Decision, providersAt } from '@provider-access/domain/access';
import type { RefusalReason } from '@provider-access/events';
import { attributedMembers, Facts, type RequestDecisions } from '@provider-access/facts';
import { mayBeShared, nameOf, NOBODY, ownersOf, RecordsReader, SHARED } from '@provider-access/records';
import { COST, isSharedType, SEARCH, type SearchFilter, type SearchQuery } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { byRecord, fitting } from './candidates.ts';
import type { Holders } from './conditions.ts';
import type { VisibleRecords } from './visible-records.ts';

/** Limit of members and ids in one search. Larger reads should use an export. */
const MAX_LISTED = 200;
/** Members whose facts one query reads. */
const DECIDED = 500;
/** Work of one decision, in units of COST. */
const DECISION = 10 * COST.row;

/** Who searches, and the decisions about members for this search. */
export interface SearchClient {
  readonly client: string;
  readonly decisions: RequestDecisions;
}

export interface Members {
  /** The members whose records the client may see, in the order of `byRecord`. */
  readonly permitted: readonly string[];
  /** Whether the shared records of the type count too. */
  readonly shared?: true;
  /** Members whom the request named and whom the client may not see. */
  readonly refused: readonly { readonly member?: string; readonly reason: RefusalReason }[];
  /** Who has a resource of each id that the search names. Absent if it names a patient too. */
  readonly holders?: Holders;
  /** Why the client may see a permitted member; absent for `shared`. */
  readonly because: ReadonlyMap<string, Decision>;
}

/** The second decision about members: whom the client may not see any more, and why it may see the others. */
export type Confirmed = Pick<Members, 'refused' | 'because'>;

/**
 * Which members a search is about. A search that names a patient or an id is about that one. Only the searches that the
 * guides define without a patient are about all members of the client.
 */
@Injectable()
export class SearchMembers {
  constructor(
    @Inject(RecordsReader) private readonly records: RecordsReader,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(PORTS) private readonly ports: ServicePorts,
  ) {}

  /**
   * Decides about each member now. It decides for an unknown id and for a patient without records too, so that these
   * take the same time.
   * @throws Refusal `required` if the search needs a patient; FactsStale
   */
  async of(by: SearchClient, query: SearchQuery, records: VisibleRecords): Promise<Members> {
    const { type, patients, ids, patientFilters } = query;
    for (const [expression, { length = 0 } = []] of [
      ['patient', patients],
      ['_id', ids],
    ] as const)
      if (length > MAX_LISTED)
        throw new Refusal('invalid-value', `At most ${MAX_LISTED} ids in ${expression}; use $export for more.`, {
          expression,
        });
    if (isSharedType(type)) {
      this.facts.access.assertFresh();
      return { permitted: [SHARED], refused: [], because: new Map() };
    }
    if (patients !== undefined)
      return this.chained(await this.named(by, patients, 'decideNamed'), patientFilters, records);
    if (ids !== undefined) {
      const found = await this.holding(by, type, ids);
      // A condition on the member's Patient leaves out what belongs to no member.
      return patientFilters.length === 0 && mayBeShared(type)
        ? { ...found, shared: true }
        : this.chained(found, patientFilters, records);
    }
    if (patientFilters.length === 0 && !isAlone(query)) throw needed(type);
    return this.chained(await this.all(by, records), patientFilters, records);
  }

  /**
   * Decides once more about the members of whom the answer has something. If it has nothing of a member whom the
   * request names, it reads the facts that memory alone permitted.
   */
  async confirmed(by: SearchClient, shown: ReadonlySet<string>): Promise<Confirmed> {
    const members = [...shown].filter((member) => member !== SHARED);
    const decided = members.length === 0 ? undefined : await this.named(by, members, 'decideShown');
    const again = await by.decisions.again(by.client, { kind: 'search' }, shown);
    const later = withReasons([...again.keys()], [...again.values()]);
    return {
      refused: [...later.refused, ...(decided?.refused ?? []).filter(({ member }) => !again.has(member!))],
      because: new Map([...(decided?.because ?? []), ...later.because]),
    };
  }

  private async named(
    { client, decisions: facts }: SearchClient,
    members: readonly string[],
    decide: 'decideMany' | 'decideNamed' | 'decideShown',
  ): Promise<Members> {
    const asked = members.length === 0 ? [NOBODY] : [...new Set(members)].toSorted(byRecord);
    const decisions = await facts[decide](client, { kind: 'search' }, asked);
    if (members.length === 0) return { permitted: [], refused: [{ reason: 'unknown-resource' }], because: new Map() };
    return withReasons(asked, decisions);
  }

  /** Decides about everybody who has a resource of these ids. */
  private async holding(by: SearchClient, type: string, ids: readonly string[]): Promise<Members> {
    const heads = await this.records.namedEach(ids.map((id) => ({ type, id })));
    const holders = ids.map((id) => ownersOf(heads.get(nameOf(type, id)) ?? []).holders);
    const all = holders.flat();
    const members = await this.named(
      by,
      all.filter((member) => member !== SHARED),
      // Several members may have a resource of one id, and the queries must not tell of those who are denied.
      'decideMany',
    );
    if (all.length === 0) return members;
    // The client gets a copy of the id that it may see, whoever else has one, so that is no refusal.
    const given = new Set([SHARED, ...members.permitted]);
    const byId = new Map(ids.map((id, i) => [id, holders[i]!]));
    const withheld = new Set(holders.filter((of) => !of.some((member) => given.has(member))).flat());
    return {
      ...members,
      holders: byId,
      refused: members.refused.filter(({ member }) => member !== undefined && withheld.has(member)),
    };
  }

  /**
   * Every member whom the client may see now. The request names none of them, so a denied one is no refusal. It decides
   * before it looks at any resource, so that the time does not depend on resources of a denied member.
   */
  private async all({ client, decisions: facts }: SearchClient, { work }: VisibleRecords): Promise<Members> {
    const { parties } = this.facts;
    const known = parties.client(client);
    const providers = known === undefined ? [] : providersAt(known, parties.decisionTime(this.ports.clock.now()));
    const members = [...(await attributedMembers(this.ports.views, providers))].toSorted(byRecord);
    const decisions: Decision[] = [];
    this.facts.access.assertFresh();
    for (let at = 0; at < members.length; at += DECIDED) {
      const some = members.slice(at, at + DECIDED);
      work.count(COST.query + some.length * DECISION);
      await work.pause();
      decisions.push(...(await facts.decideMany(client, { kind: 'search' }, some)));
    }
    return { ...permittedOf(members, decisions), refused: [] };
  }

  /** Of the permitted members those whose Patient fits the chain, such as `patient.identifier`. */
  private async chained(members: Members, filters: readonly SearchFilter[], records: VisibleRecords): Promise<Members> {
    if (filters.length === 0 || members.permitted.length === 0) return members;
    const ofPatients = records.restricted({ type: 'Patient', filters, updated: [] });
    const permitted = new Set<string>();
    for await (const batch of fitting(records, ofPatients, members.permitted, undefined, MAX_LISTED))
      for (const { member } of batch) permitted.add(member);
    return { ...members, permitted: [...permitted] };
  }
}

const withReasons = (members: readonly string[], decisions: readonly Decision[]): Members => ({
  ...permittedOf(members, decisions),
  refused: members.flatMap((member, i) => {
    const decision = decisions[i];
    return decision === undefined || decision.permit ? [] : [{ member, reason: decision.reason }];
  }),
});

function permittedOf(
  members: readonly string[],
  decisions: readonly Decision[],
): Pick<Members, 'permitted' | 'because'> {
  const because = new Map<string, Decision>();
  for (const [i, member] of members.entries()) if (decisions[i]?.permit === true) because.set(member, decisions[i]);
  return { permitted: [...because.keys()], because };
}

/**
 * Whose records a search reads, in the order of `byRecord`. Without a permitted member it reads those of nobody, so
 * that the time does not tell an unknown id from a withheld resource.
 */
export function searchedOf({ permitted, shared }: Members): readonly string[] {
  const members = permitted.length === 0 ? [NOBODY] : permitted;
  return shared === true ? [...members, SHARED].toSorted(byRecord) : members;
}

const aloneOf = (type: string): readonly string[] =>
  (SEARCH[type]?.parameters ?? []).filter(({ alone }) => alone === true).map(({ name }) => name);

/** Whether a guide defines the search by one of its parameters alone, without a patient. */
function isAlone({ type, filters, updated }: SearchQuery): boolean {
  const alone = aloneOf(type);
  return (
    filters.some(({ parameter }) => alone.includes(parameter.name)) ||
    (updated.length > 0 && alone.includes('_lastUpdated'))
  );
}

/** Names what the type declares: a Medication has no patient. */
function needed(type: string): Refusal {
  const names = aloneOf(type);
  const usual = ['patient', '_id'].filter((name) => names.includes(name));
  const further = names.filter((name) => !usual.includes(name));
  const alternatives = further.length === 0 ? '' : `, or one of ${further.join(', ')}`;
  return new Refusal('required', `This search needs ${usual.join(' or ')}${alternatives}.`, { expression: usual[0]! });
}
