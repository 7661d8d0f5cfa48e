import { isDeepStrictEqual } from 'node:util';
import { Controller, Inject } from '@nestjs/common';
import {
  bindingsAt,
  changesToPermit,
  clientStatusAt,
  decide,
  type DecisionFacts,
  inNetwork,
  type Interval,
  type MemberFacts,
  nextChange,
  type PartyFacts,
  pastInWords,
  type PastVerdict,
  type Purpose,
  sourcesOf,
} from '@provider-access/domain/access';
import {
  Facts,
  FactsHistory,
  GroupLists,
  learnedAfter,
  type Moment,
  type PastDecision,
  type PastFacts,
} from '@provider-access/facts';
import { LabelGate } from '@provider-access/records';
import { isId } from '@provider-access/fhir';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { MEMBER_HASH, type MemberHash } from '@provider-access/service/observability';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { AT, CLIENT, KNOWN, MEMBER, momentOf } from './explain-fields.ts';
import { type Served, ServedDecisions } from './served-decisions.ts';

const verdict = (d: PastDecision): PastVerdict => {
  if ('unknownBefore' in d) return { decision: 'unknown', unknownBefore: d.unknownBefore };
  return d.permit ? { decision: 'permit' } : { decision: 'deny', reason: d.reason };
};

/** The entry of a decision, and when statements were recorded that the decision had not read yet. */
const servedIn = ({ entry, unread }: Served): { readonly entry: string; readonly unread?: readonly string[] } => {
  const times = unread();
  return { entry, ...(times.length > 0 && { unread: times }) };
};

const NO_GROUP = 'group must be the id of a Group.';
const GROUP = z.string(NO_GROUP).refine(isId, NO_GROUP).optional();

/**
 * Which client could see which member at a time, and why. It uses the same decision over the intervals of the facts,
 * and lists these with the answer. The audit names the operator, because nothing was disclosed to the client.
 */
const EXPLAIN = operation({
  route: 'GET /ops/explain',
  callers: ['auditor'],
  audit: 'explain',
  tag: 'Operations',
  summary: 'Explain why an app sees a member, or does not',
  description: 'Uses the same decision as reads and exports, over the intervals of coverage, attribution and opt-outs.',
  fields: {
    client: { schema: CLIENT, refusal: 'required', description: 'The `client_id` of the app.' },
    member: { schema: MEMBER, refusal: 'required', description: 'The id of the member.' },
    at: { schema: AT, description: 'The instant of the decision, with a zone. Default: now.' },
    known: {
      schema: KNOWN,
      description:
        'Only what the platform had recorded by this instant counts, which is not in the future. `now` counts ' +
        'everything. Default: `at`, so that the answer is what was served then.',
    },
    group: { schema: GROUP, description: 'Only attributions and attestations of this Group count.' },
  },
  answer: jsonObject('The decision, its reason, and the facts.'),
});

@Controller()
export class ExplainController {
  private readonly served: ServedDecisions;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(FactsHistory) private readonly history: FactsHistory,
    @Inject(GroupLists) private readonly lists: GroupLists,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(MEMBER_HASH) private readonly hash: MemberHash,
  ) {
    this.served = new ServedDecisions(ports, history);
  }

  @Operation(EXPLAIN)
  async explain({ query: { client, member, at, known, group } }: Asked<typeof EXPLAIN>): Promise<Audited> {
    const now = instant(this.ports.clock.now());
    const moment = momentOf(at, known, now);
    const purpose = { kind: 'explain' as const, ...(group !== undefined && { group }) };
    const about = { client, member, purpose };
    const json = await (moment.at < now || moment.known < now
      ? this.past(about, moment, now)
      : this.present(about, moment));
    return { audit: [{ released: { members: [member], resources: 0 } }], answer: { json } };
  }

  /** Of now, or of a time to come: by the facts that decide. */
  private async present(about: About, moment: Moment): Promise<object> {
    const { client, member, purpose } = about;
    const facts = { member: await this.facts.access.facts(member), party: this.facts.parties };
    const decision = decide({ client, purpose, member, now: moment.at }, facts);
    const now = decide({ client, purpose, member, now: moment.known }, facts);
    const more = { ...changesOf(about, moment, facts), now: verdict(now) };
    return { ...(await this.described(about, moment, facts)), ...verdict(decision), ...more };
  }

  private async past(about: About, moment: Moment, now: string): Promise<object> {
    const { client, member, purpose } = about;
    await this.history.settled();
    const [served, ...more] = await this.served.at({ client, member, group: purpose.group }, moment, now);
    const history = served?.history ?? this.history;
    const { decision, facts } = await history.decide(client, member, moment, purpose);
    const unread = served?.unread() ?? [];
    const others = [];
    for (const each of more) {
      const decided = await each.history.decide(client, member, moment, purpose);
      if (!isDeepStrictEqual(verdict(decided.decision), verdict(decision)))
        others.push({ ...servedIn(each), ...verdict(decided.decision) });
    }
    // A retired id keeps its own decisions, as they were served. The member that stays is answered beside it (P14).
    const stays = await this.history.survivor(member, moment.known);
    const other = stays === member ? undefined : await this.history.decide(client, stays, moment, purpose);
    const present = { member: await this.facts.access.facts(member), party: this.facts.parties };
    const current = verdict(decide({ client, purpose, member, now }, present));
    // The same instant, by what is known now.
    const again = { at: moment.at, known: now };
    const later = moment.known < now ? await this.history.decide(client, member, again, purpose) : undefined;
    const said = {
      ...verdict(decision),
      ...(later !== undefined && {
        later: {
          ...verdict(later.decision),
          learned: learnedAfter(present.member, present.party.client(client), moment),
        },
      }),
    };
    return {
      ...(await this.described(about, moment, facts)),
      ...(other !== undefined && { survivor: { member: stays, ...verdict(other.decision) } }),
      ...said,
      ...(served !== undefined && { served: { ...servedIn(served), ...(others.length > 0 && { others }) } }),
      ...('unknownBefore' in decision ? {} : changesOf(about, moment, facts)),
      words: pastInWords({ ...moment, ...said, unread }),
      now: current,
    };
  }

  /** Everything but the decision. */
  private async described({ client, member }: About, moment: Moment, facts: PastFacts): Promise<object> {
    // Two Groups may be one list for the client (ADR 0098).
    const listOf = new Map<string, string>();
    for (const { group: id, providers, contract } of facts.member?.attributions ?? [])
      listOf.set(id, await this.lists.idFor(client, { id, providers, ...(contract !== undefined && { contract }) }));
    // The member's hashes in log lines, also by earlier keys while they are kept.
    const [memberHash, ...earlier] = this.hash.all(member);
    const app = facts.party.client(client);
    return {
      client,
      member,
      memberHash,
      ...(earlier.length > 0 && { earlierMemberHashes: earlier }),
      ...moment,
      // The resources that the client does not see because of their security labels, at this moment.
      withheld: await this.labels.check(this.facts.parties, client).withheldOf(member),
      clientFacts:
        app === undefined
          ? null
          : {
              name: app.name,
              statusAt: clientStatusAt(app, Date.parse(moment.at)) ?? null,
              history: app.history,
              providers: boundTo(facts.party, client, moment),
              bindings: app.bindings,
            },
      memberFacts: facts.member === undefined ? null : explained(facts.member, facts.party, { client, moment, listOf }),
    };
  }
}

interface About {
  readonly client: string;
  readonly member: string;
  readonly purpose: Purpose;
}
/** What would change the decision, as data (P17). */
function changesOf({ client, member, purpose }: About, { at, known }: Moment, facts: DecisionFacts): object {
  const request = { client, member, purpose, now: at, ...(at < known && { past: true as const }) };
  const next = nextChange(request, facts);
  return {
    changes: changesToPermit(request, facts),
    ...(next !== undefined && { next: { at: next.at, ...verdict(next.decision) } }),
  };
}
const boundTo = (party: PartyFacts, client: string, { at }: Moment): readonly string[] => {
  const app = party.client(client);
  return app === undefined ? [] : bindingsAt(app, Date.parse(at)).map(({ provider }) => provider);
};
/** The facts of a member, each with whether it holds at the moment. */
function explained(
  { member: _, sources, asOf: _asOf, mergedWith, completeFrom, ...lists }: MemberFacts,
  party: PartyFacts,
  {
    client,
    moment,
    listOf,
  }: { readonly client: string; readonly moment: Moment; readonly listOf: Map<string, string> },
): object {
  const at = Date.parse(moment.at);
  const bound = boundTo(party, client, moment);
  const marked = <T extends Interval>(intervals: readonly T[]) =>
    intervals.map((i) => ({ ...i, holds: Date.parse(i.from) <= at && (i.to === undefined || at < Date.parse(i.to)) }));
  return {
    ...Object.fromEntries(Object.entries(lists).map(([name, intervals]) => [name, marked<Interval>(intervals)])),
    attributions: marked(lists.attributions).map((a) => ({
      ...a,
      list: listOf.get(a.group),
      boundToClient: a.providers.some((p) => bound.includes(p)),
      inNetwork: inNetwork(party, a.providers, at),
    })),
    ...(lists.attestations !== undefined && {
      attestations: marked(lists.attestations).map((a) => ({
        ...a,
        ofClient: a.client === client,
        boundToClient: bound.includes(a.provider),
        inNetwork: inNetwork(party, [a.provider], at) && !party.deactivated(a.provider),
      })),
    }),
    sourceHolds: sourcesOf({ sources }).flatMap((source) =>
      marked(party.sourceHolds(source)).map((hold) => ({ source, ...hold })),
    ),
    mergedWith,
    ...(completeFrom !== undefined && { completeFrom }),
  };
}
