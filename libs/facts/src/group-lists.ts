import {
  type AlsoGroup,
  type GroupDenial,
  groupDenial,
  matchedGroupDenial,
  type Purpose,
  providersAt,
} from '@provider-access/domain/access';
import type { ProviderKey } from '@provider-access/events';
import type { Claims } from '@provider-access/engines/state';
import type { ViewDocument, ViewReader, Views } from '@provider-access/engines/views';
import { isId } from '@provider-access/fhir';
import { type Clock, instant, Refusal, unknownResource } from '@provider-access/kernel';
import { matchedGroups, type MatchedGroupPart } from './attestations.ts';
import type { Parties } from './parties.ts';
import { type GroupPart, groups } from './projections.ts';

/** A Group as it was opened. */
export interface OpenedGroup extends GroupPart {
  readonly id: string;
}
/** The list of a provider, as it exists for one client: a Group, or two that are one list (A2). */
export interface OwnedGroup extends OpenedGroup {
  /** The Groups whose members it has, the one that was opened first in front. That one gives the id. */
  readonly parts: readonly string[];
  /** The parts that exist for the client at this moment. What the payer says about others is not shown. */
  readonly shown: readonly string[];
  /** The ids under which the list is found: its own, and for a year the one that it had before. */
  readonly ids: readonly string[];
  /** RFC 3339 instant since when two parts are one list. */
  readonly joinedAt?: string;
  /** The result of a match, which belongs to the client and not to a provider (MATCH.md M70). */
  readonly match?: MatchedGroupPart;
}
/** Why the Group does not exist for the client. */
export interface DeniedGroup {
  readonly denied: GroupDenial | 'group-unknown';
}

/** The answer for a Group that does not exist for the client. Only the client's own matched Group says more (M71). */
export const absentGroup = ({ denied }: DeniedGroup): Refusal =>
  denied === 'group-expired'
    ? new Refusal('not-found', 'This matched Group has expired. Match again with Group/$provider-member-match.')
    : unknownResource();

/** How long the id of a Group answers that has become part of another one, ms (A2). */
const FORMER_ID_MS = 365 * 24 * 3_600_000;

/**
 * How long a roll-out may last, ms. Until then an earlier build may export a part alone, so that the next delta of the
 * list must bring everything of the other part.
 */
const ROLL_OUT_MS = 24 * 3_600_000;

const openedFirst = (a: OpenedGroup, b: OpenedGroup): number =>
  `${a.openedAt} ${a.id}` < `${b.openedAt} ${b.id}` ? -1 : 1;
const npiOf = ({ providers }: GroupPart): ProviderKey | undefined => providers.find((p) => p.startsWith('npi|'));
const hasTin = ({ providers }: GroupPart): boolean => providers.some((p) => p.startsWith('tin|'));

/**
 * The Groups that are one list with this one, itself included, the one that was opened first in front (A2). For one NPI
 * and one contract these are the Group without a TIN and the first Group with a TIN. Any other Group is a list of its
 * own.
 * @param known all Groups of the NPI
 */
export function partsOf(group: OpenedGroup, known: readonly OpenedGroup[]): readonly OpenedGroup[] {
  const npi = npiOf(group);
  if (npi === undefined) return [group];
  const same = known
    .filter((one) => one.contract === group.contract && one.providers.includes(npi))
    .toSorted(openedFirst);
  const pair = [same.find((one) => !hasTin(one)), same.find(hasTin)].filter((one) => one !== undefined);
  return pair.length === 2 && pair.some(({ id }) => id === group.id) ? pair.toSorted(openedFirst) : [group];
}

/** What is asked of a decision about a member of the list. @param asked the id under which the client knows the list */
export function purposeOfList<K extends Purpose['kind']>(
  kind: K,
  list: Pick<OwnedGroup, 'parts' | 'joinedAt'>,
  asked: string,
): { readonly kind: K; readonly group: string; readonly also?: AlsoGroup } {
  const other = list.parts.find((part) => part !== asked);
  return {
    kind,
    group: asked,
    ...(other !== undefined && list.joinedAt !== undefined && { also: { group: other, since: list.joinedAt } }),
  };
}

export interface GroupListsOptions {
  readonly views: Pick<Views, 'reader'>;
  readonly parties: Parties;
  readonly claims: Pick<Claims, 'claim'>;
  readonly clock: Clock;
}

/**
 * The lists of a client: those of providers to which it is bound and that are in network. For the client, no others
 * exist. Intake opens a Group for each identity of a provider, and never joins two. They are joined here, when a client
 * asks, so that the ids of the log stay (ADR 0098).
 */
export class GroupLists {
  readonly #options: GroupListsOptions;
  readonly #groups: ViewReader;
  readonly #matched: ViewReader;
  #since: number | undefined;
  constructor(options: GroupListsOptions) {
    this.#options = options;
    this.#groups = options.views.reader(groups);
    this.#matched = options.views.reader(matchedGroups);
  }

  /** In the order of ids. One query for each provider of the client, and one for matches. @throws EngineUnavailable */
  async ofClient(client: string): Promise<readonly OwnedGroup[]> {
    const found = new Map<string, OpenedGroup>();
    for (const provider of this.#providersOf(client))
      for (const group of await this.#of(provider)) found.set(group.id, group);
    const all = [...found.values()];
    const lists = new Map<string, OwnedGroup>();
    for (const group of all) {
      const parts = this.#isOfNpi(client, group) ? partsOf(group, all) : [group];
      if (lists.has(parts[0]!.id)) continue;
      const list = await this.#listOf(client, parts);
      if (!('denied' in list)) lists.set(list.id, list);
    }
    const range = { gt: instant(this.#now()) };
    for await (const document of this.#matched.scan({ index: 'by_client', equals: [client], range })) {
      const list = this.#matchedOf(client, document);
      if (!('denied' in list)) lists.set(list.id, list);
    }
    return [...lists.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * The list that has this id, or had it less than a year ago. A Group of another provider or app costs the two queries
   * of an unknown id. @throws EngineUnavailable
   */
  async one(client: string, id: string): Promise<OwnedGroup | DeniedGroup> {
    const [document, matched] = isId(id) ? await Promise.all([this.#groups.get(id), this.#matched.get(id)]) : [];
    if (matched !== undefined) return this.#matchedOf(client, matched);
    if (document === undefined) return { denied: 'group-unknown' };
    const group = openedOf(document);
    const parts = this.#isOfNpi(client, group) ? partsOf(group, await this.#of(npiOf(group)!)) : [group];
    const list = await this.#listOf(client, parts);
    return 'denied' in list || list.ids.includes(id) ? list : { denied: 'group-unknown' };
  }

  /** The id of the list in which a client finds the members of a Group. @throws EngineUnavailable */
  async idFor(client: string, group: Omit<OpenedGroup, 'openedAt'>): Promise<string> {
    const opened = { ...group, openedAt: '' };
    return this.#isOfNpi(client, opened) ? (await this.parts(opened))[0]!.id : group.id;
  }

  /** The Groups that are one list with this one, for an operator. @throws EngineUnavailable */
  async parts(group: OpenedGroup): Promise<readonly OpenedGroup[]> {
    const npi = npiOf(group);
    return npi === undefined ? [group] : partsOf(group, await this.#of(npi));
  }

  async #of(provider: ProviderKey): Promise<readonly OpenedGroup[]> {
    const found: OpenedGroup[] = [];
    for await (const document of this.#groups.scan({ index: 'by_provider', equals: [provider] }))
      found.push(openedOf(document));
    return found;
  }
  #providersOf(client: string): readonly ProviderKey[] {
    const known = this.#options.parties.client(client);
    return known === undefined ? [] : providersAt(known, this.#now());
  }
  /** An app that is bound to the TIN alone has no part without it, so the Group with the TIN is its list. */
  #isOfNpi(client: string, group: OpenedGroup): boolean {
    const npi = npiOf(group);
    return npi !== undefined && this.#providersOf(client).includes(npi);
  }

  #now(): number {
    const { parties, clock } = this.#options;
    return parties.decisionTime(clock.now());
  }
  #matchedOf(client: string, document: ViewDocument): OwnedGroup | DeniedGroup {
    const id = document._id;
    const match = document['match'] as MatchedGroupPart;
    const denied = matchedGroupDenial(client, match, this.#options.parties, this.#now());
    if (denied !== undefined) return { denied };
    const { providers, recordedAt: openedAt } = match;
    return { id, providers, openedAt, parts: [id], shown: [id], ids: [id], match };
  }

  async #listOf(client: string, parts: readonly OpenedGroup[]): Promise<OwnedGroup | DeniedGroup> {
    const { parties } = this.#options;
    const now = this.#now();
    const denials = parts.map(({ providers }) => groupDenial(client, providers, parties, now));
    const shown = parts.filter((_, i) => denials[i] === undefined);
    if (shown.length === 0) return { denied: denials[0]! };
    const [{ id, contract }, second] = parts as readonly [OpenedGroup, OpenedGroup?];
    const list = {
      id,
      providers: [...new Set(shown.flatMap(({ providers }) => providers))].toSorted(),
      ...(contract !== undefined && { contract }),
      openedAt: parts.at(-1)!.openedAt,
      parts: parts.map((part) => part.id),
      shown: shown.map((part) => part.id),
    };
    if (second === undefined) return { ...list, ids: [id] };
    const joined = Math.max(Date.parse(second.openedAt), await this.#knownSince());
    return { ...list, ids: now < joined + FORMER_ID_MS ? [id, second.id] : [id], joinedAt: instant(joined) };
  }

  /**
   * Since when every process of this deployment joins Groups. Those that were opened before are one list since then.
   * The state store keeps the moment. If it is lost, a former id answers longer, and deltas bring more.
   */
  async #knownSince(): Promise<number> {
    const { claims, clock } = this.#options;
    this.#since ??= Number(await claims.claim('group-lists', 'since', String(clock.now() + ROLL_OUT_MS)));
    return this.#since;
  }
}

const openedOf = ({ _id: id, group }: ViewDocument): OpenedGroup => ({ ...(group as GroupPart), id });
