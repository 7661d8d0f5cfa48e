import { Controller, Inject } from '@nestjs/common';
import {
  bindingsAt,
  clientStatusAt,
  decide,
  type Decision,
  inNetwork,
  type Interval,
  type MemberFacts,
  sourcesOf,
} from '@provider-access/domain/access';
import { Facts, GroupLists } from '@provider-access/facts';
import { LabelGate } from '@provider-access/records';
import { isInstant, isId } from '@provider-access/fhir';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { MEMBER_HASH, type MemberHash } from '@provider-access/service/observability';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';

const verdict = (d: Decision): { decision: 'permit' | 'deny'; reason?: string } =>
  d.permit ? { decision: 'permit' } : { decision: 'deny', reason: d.reason };

const NO_CLIENT = 'client is required.';
const CLIENT = z.string(NO_CLIENT).min(1, NO_CLIENT);
const NO_MEMBER = 'member is required: an id.';
const MEMBER = z.string(NO_MEMBER).refine(isId, NO_MEMBER);
/** A day alone is no instant, because it begins at another moment in each zone of the payer. */
const NO_INSTANT = 'at must be an RFC 3339 instant with a zone, such as 2026-07-01T00:00:00-05:00.';
const AT = z.string(NO_INSTANT).refine(isInstant, NO_INSTANT).optional();

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
    at: { schema: AT, description: 'An instant with a zone. Default: now.' },
  },
  answer: jsonObject('The decision, its reason, and the facts.'),
});

@Controller()
export class ExplainController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(GroupLists) private readonly lists: GroupLists,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(MEMBER_HASH) private readonly hash: MemberHash,
  ) {}

  @Operation(EXPLAIN)
  async explain({ query: { client, member, at } }: Asked<typeof EXPLAIN>): Promise<Audited> {
    const now = instant(this.ports.clock.now());
    const when = at === undefined ? now : instant(Date.parse(at));
    const json = await this.answer(client, member, when, now);
    return { audit: [{ released: { members: [member], resources: 0 } }], answer: { json } };
  }

  private async answer(client: string, member: string, at: string, now: string): Promise<object> {
    const facts = await this.facts.access.facts(member);
    const { parties: party } = this.facts;
    // Two Groups may be one list for the client (ADR 0098).
    const listOf = new Map<string, string>();
    for (const { group: id, providers, contract } of facts?.attributions ?? [])
      listOf.set(id, await this.lists.idFor(client, { id, providers, ...(contract !== undefined && { contract }) }));
    const moment = Date.parse(at);
    const decideAt = (time: string): Decision =>
      decide(
        { client, purpose: { kind: 'explain' }, member, now: time, ...(time < now && { past: true as const }) },
        { member: facts, party },
      );
    const marked = <T extends Interval>(intervals: readonly T[]) =>
      intervals.map((i) => ({
        ...i,
        holds: Date.parse(i.from) <= moment && (i.to === undefined || moment < Date.parse(i.to)),
      }));
    const explained = ({ member: _, sources, asOf: _asOf, mergedWith, completeFrom, ...lists }: MemberFacts) => ({
      ...Object.fromEntries(Object.entries(lists).map(([name, intervals]) => [name, marked<Interval>(intervals)])),
      attributions: marked(lists.attributions).map((a) => ({
        ...a,
        list: listOf.get(a.group),
        boundToClient: bound.some((p) => a.providers.includes(p)),
        inNetwork: inNetwork(party, a.providers, moment),
      })),
      ...(lists.attestations !== undefined && {
        attestations: marked(lists.attestations).map((a) => ({
          ...a,
          ofClient: a.client === client,
          boundToClient: bound.includes(a.provider),
          inNetwork: inNetwork(party, [a.provider], moment) && !party.deactivated(a.provider),
        })),
      }),
      sourceHolds: sourcesOf({ sources }).flatMap((source) =>
        marked(party.sourceHolds(source)).map((hold) => ({ source, ...hold })),
      ),
      mergedWith,
      ...(completeFrom !== undefined && { completeFrom }),
    });
    const known = party.client(client);
    const bound = known === undefined ? [] : bindingsAt(known, moment).map(({ provider }) => provider);
    // The member's hashes in log lines, also by earlier keys while they are kept.
    const [memberHash, ...earlier] = this.hash.all(member);
    return {
      client,
      member,
      memberHash,
      ...(earlier.length > 0 && { earlierMemberHashes: earlier }),
      at,
      ...verdict(decideAt(at)),
      now: verdict(decideAt(now)),
      // The resources that the client does not see because of their security labels, at this moment.
      withheld: await this.labels.check(party, client).withheldOf(member),
      clientFacts:
        known === undefined
          ? null
          : {
              name: known.name,
              statusAt: clientStatusAt(known, moment) ?? null,
              history: known.history,
              providers: bound,
              bindings: known.bindings,
            },
      memberFacts: facts === undefined ? null : explained(facts),
    };
  }
}
