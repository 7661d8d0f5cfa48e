import { Inject, Injectable } from '@nestjs/common';
import { disclosures, findDisclosures } from '@provider-access/audit';
import {
  clientStatusAt,
  decide,
  DECISION_STEPS,
  type DecisionStep,
  type PartyFacts,
  type Purpose,
  stepOf,
} from '@provider-access/domain/access';
import type { DenialReason, ProviderKey } from '@provider-access/events';
import type { ViewReader } from '@provider-access/engines/views';
import {
  Facts,
  GroupLists,
  type GroupPart,
  groups,
  type ListReaders,
  listReaders,
  matchedGroups,
  type MatchedGroupPart,
  membersOfGroups,
} from '@provider-access/facts';
import { isId, nextTurn } from '@provider-access/fhir';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { ANYBODY, partyOf } from './anybody.ts';

/** Members whom one answer looks at, and whom it names. */
export const MOST_LOOKED = 2000;
export const MOST_NAMED = 200;
/** Members whose facts are read together, and who are decided in one turn of the event loop. */
const TOGETHER = 100;
const MEMBERS_A_TURN = 20;
/** Documents of the audit that one answer reads about exports of a Group, each with up to 250 members. */
const MOST_DOCUMENTS = 1000;
const MOST_APPS = 50;

/** What the funnel has before and behind the steps of the decision: everybody, and whom an export brought to an app. */
export const FUNNEL_STEPS = ['listed', ...DECISION_STEPS.map(([step]) => step), 'exported'] as const;
export type FunnelStep = 'listed' | DecisionStep | 'exported';
/** Why a member is lost. `waiting`: the decision permits, and no app has downloaded the member. */
type Loss = DenialReason | 'waiting';

interface Step {
  readonly step: FunnelStep;
  /** Members that pass it. */
  readonly members: number;
  readonly lost: Readonly<Partial<Record<Loss, number>>>;
}
interface Named {
  readonly member: string;
  readonly reason?: DenialReason;
  readonly exported?: true;
}
/** The part of a funnel that one answer has. */
export interface Funnel {
  readonly group: string;
  readonly providers: readonly ProviderKey[];
  readonly contract?: string;
  /** RFC 3339 instant of the decisions. */
  readonly at: string;
  /** Apps that act for a provider of the Group now, or would if they were approved. */
  readonly apps: readonly { readonly client: string; readonly name: string; readonly status: string }[];
  readonly steps: readonly Step[];
  readonly members?: readonly Named[];
  /** When an app downloaded something of an export of the Group, RFC 3339. Absent if none is known. */
  readonly lastExport?: string;
  /** Downloads before this instant were not looked at, because the Group has too many. */
  readonly exportsFrom?: string;
  /** The member behind whom the next answer begins. Absent in the last one. */
  readonly last?: string;
}
interface Question {
  readonly client: string | undefined;
  readonly step: FunnelStep | undefined;
  /** Only members behind this id. */
  readonly after: string | undefined;
}
/** A Group, for which app it is decided, and with which facts. */
interface Decided {
  readonly about: Pick<GroupPart, 'providers' | 'contract'>;
  readonly parts: readonly string[];
  readonly client: string;
  readonly purpose: Purpose;
  readonly party: PartyFacts;
}
interface Downloads {
  readonly members: ReadonlySet<string>;
  readonly lastExport?: string;
  readonly exportsFrom?: string;
}

/** Where the members of a Group are lost on the way to an app, by the one decision and in bounded work. */
@Injectable()
export class GroupFunnel {
  private readonly groups: ViewReader;
  private readonly matched: ViewReader;
  private readonly disclosures: ViewReader;
  private readonly readers: ListReaders;
  constructor(
    @Inject(PORTS) private readonly ports: Pick<ServicePorts, 'views' | 'clock'>,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(GroupLists) private readonly lists: GroupLists,
  ) {
    const { views } = ports;
    this.groups = views.reader(groups);
    this.matched = views.reader(matchedGroups);
    this.disclosures = views.reader(disclosures);
    this.readers = listReaders(views);
  }

  /** @returns undefined for a Group that does not exist. @throws FactsStale */
  async of(group: string, { client, step, after }: Question): Promise<Funnel | undefined> {
    const decided = await this.decided(group, client);
    if (decided === undefined) return undefined;
    const now = this.facts.parties.decisionTime(this.ports.clock.now());
    const downloads = await this.downloads(decided.parts, client);
    const found: Named[] = [];
    const lost = new Map<Loss, number>();
    let [looked, last, isWhole] = [0, '', true];
    for await (const one of this.members(decided, after, instant(now))) {
      if (looked === MOST_LOOKED || found.length === MOST_NAMED) {
        isWhole = false;
        break;
      }
      looked++;
      last = one.member;
      const isExported = one.reason === undefined && downloads.members.has(one.member);
      const loss: Loss | undefined = one.reason ?? (isExported ? undefined : 'waiting');
      if (loss !== undefined) lost.set(loss, (lost.get(loss) ?? 0) + 1);
      const isAsked = step === 'listed' || (step !== undefined && loss !== undefined && step === losing(loss));
      if (isAsked) found.push({ ...one, ...(isExported && { exported: true }) });
    }
    const { members: _, ...exports } = downloads;
    return {
      group,
      ...decided.about,
      at: instant(now),
      apps: this.appsOf(decided, now),
      steps: stepsOf(looked, lost),
      ...(step !== undefined && { members: found }),
      ...exports,
      ...(!isWhole && { last }),
    };
  }

  private async decided(group: string, client: string | undefined): Promise<Decided | undefined> {
    const [document, matched] = isId(group)
      ? await Promise.all([this.groups.get(group), this.matched.get(group)])
      : [undefined, undefined];
    const { parties } = this.facts;
    const kind = 'explain';
    if (matched !== undefined) {
      const { client: owner, providers } = matched['match'] as MatchedGroupPart;
      const own = { about: { providers }, parts: [group], purpose: { kind, group } } as const;
      return { ...own, client: client ?? owner, party: parties };
    }
    if (document === undefined) return undefined;
    const opened = document['group'] as GroupPart;
    const all = await this.lists.parts({ ...opened, id: group });
    const providers = [...new Set(all.flatMap((part) => part.providers))].toSorted();
    const other = all.find(({ id }) => id !== group);
    return {
      about: { providers, ...(opened.contract !== undefined && { contract: opened.contract }) },
      parts: all.map(({ id }) => id),
      client: client ?? ANYBODY,
      purpose: { kind, group, ...(other !== undefined && { also: { group: other.id, since: other.openedAt } }) },
      party: client === undefined ? partyOf(parties, providers) : parties,
    };
  }

  /** Everybody who was ever on the list, with the reason why the app does not see the member now. */
  private async *members({ parts, client, purpose, party }: Decided, after: string | undefined, now: string) {
    let page: string[] = [];
    const decidedOf = async (): Promise<readonly Named[]> => {
      const known = await this.facts.access.factsOfMany(page);
      const named: Named[] = [];
      for (const [n, member] of page.entries()) {
        // Other requests, and facts that arrive, do not wait for the whole page.
        if (n % MEMBERS_A_TURN === 0) await nextTurn();
        const decision = decide({ client, purpose, member, now }, { member: known[n], party });
        named.push(decision.permit ? { member } : { member, reason: decision.reason });
      }
      page = [];
      return named;
    };
    for await (const member of membersOfGroups(this.readers, parts, TOGETHER, after))
      if (page.push(member) === TOGETHER) yield* await decidedOf();
    yield* await decidedOf();
  }

  /** The members whom apps downloaded as part of an export of the Group, from the newest entries of the audit. */
  private async downloads(parts: readonly string[], client: string | undefined): Promise<Downloads> {
    const members = new Set<string>();
    let [lastExport, exportsFrom] = ['', ''];
    for (const group of parts) {
      let looked = 0;
      for (let after: string | undefined; ;) {
        const filter = { group, outcome: 'released', ...(client !== undefined && { client }) } as const;
        const { found, next } = await findDisclosures(this.disclosures, filter, { count: TOGETHER, after });
        for (const { disclosure } of found) {
          if (disclosure.action !== 'download') continue;
          if (disclosure.at > lastExport) lastExport = disclosure.at;
          for (const member of disclosure.members) members.add(member);
        }
        looked += TOGETHER;
        if (next === undefined) break;
        after = next;
        if (looked >= MOST_DOCUMENTS) {
          const oldest = found.at(-1)?.disclosure.at ?? lastExport;
          if (oldest > exportsFrom) exportsFrom = oldest;
          break;
        }
        await nextTurn();
      }
    }
    return {
      members,
      ...(lastExport !== '' && { lastExport }),
      ...(exportsFrom !== '' && { exportsFrom }),
    };
  }

  private appsOf({ about: { providers } }: Decided, now: number): Funnel['apps'] {
    const { registry } = this.facts.parties;
    const bound = new Map(
      providers.flatMap((provider) => registry.boundTo(provider, now)).map((app) => [app.client, app]),
    );
    return [...bound.values()]
      .slice(0, MOST_APPS)
      .map((app) => ({ client: app.client, name: app.name, status: clientStatusAt(app, now) ?? app.status }));
  }
}

const losing = (loss: Loss): FunnelStep => (loss === 'waiting' ? 'exported' : stepOf(loss));

/** How many members pass each step, from how many there are and why they are lost. */
function stepsOf(listed: number, lost: ReadonlyMap<Loss, number>): readonly Step[] {
  let members = listed;
  return FUNNEL_STEPS.map((step) => {
    const here = [...lost].filter(([loss]) => losing(loss) === step);
    members -= here.reduce((sum, [, count]) => sum + count, 0);
    return { step, members, lost: Object.fromEntries(here) };
  });
}
