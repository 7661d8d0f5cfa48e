import { Controller, Get, Header, Inject, Query, UseGuards } from '@nestjs/common';
import {
  clientStatusAt,
  decide,
  type Decision,
  inNetwork,
  type Interval,
  sourcesOf,
} from '@provider-access/domain/access';
import { Audit } from '@provider-access/audit';
import { Facts } from '@provider-access/facts';
import { LabelGate, type WithheldResources } from '@provider-access/facts/records';
import { isInstant, isId } from '@provider-access/kernel/fhir';
import { instant } from '@provider-access/kernel';
import { PORTS, type ServicePorts, zodPipe } from '@provider-access/service/http';
import { MEMBER_HASH, type MemberHash } from '@provider-access/service/observability';
import { StaticTokenGuard } from '@provider-access/smart';
import { z } from 'zod';

interface Explanation {
  readonly client: string;
  readonly member: string;
  readonly at: string;
  readonly decision: 'permit' | 'deny';
  readonly reason?: string;
  /** The member's hash in log lines, also by earlier keys while they are kept. */
  readonly memberHash: string;
  readonly earlierMemberHashes?: readonly string[];
  readonly now: { readonly decision: 'permit' | 'deny'; readonly reason?: string };
  readonly clientFacts: unknown;
  readonly memberFacts: unknown;
  /** The member's resources that this client does not see because of their security labels, at this moment. */
  readonly withheld: WithheldResources;
}
const verdict = (d: Decision): { decision: 'permit' | 'deny'; reason?: string } =>
  d.permit ? { decision: 'permit' } : { decision: 'deny', reason: d.reason };

const NO_CLIENT = 'client is required.';
const CLIENT = z.string(NO_CLIENT).min(1, NO_CLIENT);
const NO_MEMBER = 'member is required: an id.';
const MEMBER = z.string(NO_MEMBER).refine(isId, NO_MEMBER);
/** A day alone is no instant, because it begins at another moment in each zone of the payer. */
const NO_INSTANT = 'at must be an RFC 3339 instant with a zone, such as 2026-07-01T00:00:00-05:00.';
const AT = z.string(NO_INSTANT).refine(isInstant, NO_INSTANT).optional();

/** Replaces the client in the audit of what an operator looked at. No client has such an id. */
const OPERATOR = 'administrator';

/**
 * Which client could see which member at a time, and why. It uses the same decision over the intervals of the facts,
 * and lists these with the answer.
 */
@Controller()
export class ExplainController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(LabelGate) private readonly labels: LabelGate,
    @Inject(MEMBER_HASH) private readonly hash: MemberHash,
  ) {}

  @Get('ops/explain')
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  @UseGuards(StaticTokenGuard('administrator'))
  async explain(
    @Query('client', zodPipe('required', CLIENT)) client: string,
    @Query('member', zodPipe('required', MEMBER)) member: string,
    @Query('at', zodPipe('invalid-value', AT)) at: string | undefined,
  ): Promise<string> {
    const now = instant(this.ports.clock.now());
    const when = at === undefined ? now : instant(Date.parse(at));
    const explanation = await this.answer(client, member, when, now);
    // The operator looked at the data, not the client. Nothing was disclosed to that client.
    await this.audit.record({
      client: OPERATOR,
      action: 'explain',
      outcome: 'released',
      members: [member],
      resources: 0,
    });
    return JSON.stringify(explanation);
  }

  private async answer(client: string, member: string, at: string, now: string): Promise<Explanation> {
    const facts = await this.facts.access.facts(member);
    const { parties: party } = this.facts;
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
    const known = party.client(client);
    const [memberHash, ...earlier] = this.hash.all(member);
    return {
      client,
      member,
      memberHash: memberHash!,
      ...(earlier.length > 0 && { earlierMemberHashes: earlier }),
      at,
      ...verdict(decideAt(at)),
      now: verdict(decideAt(now)),
      withheld: await this.labels.check(party, client).withheldOf(member),
      clientFacts:
        known === undefined
          ? null
          : {
              name: known.name,
              statusAt: clientStatusAt(known, moment) ?? null,
              history: known.history,
              providers: known.providers,
            },
      memberFacts:
        facts === undefined
          ? null
          : {
              coverage: marked(facts.coverage),
              attributions: marked(facts.attributions).map((a) => ({
                ...a,
                boundToClient: known?.providers.some((p) => a.providers.includes(p)) ?? false,
                inNetwork: inNetwork(party, a.providers, moment),
              })),
              optOuts: marked(facts.optOuts),
              holds: marked(facts.holds),
              sourceHolds: sourcesOf(facts).flatMap((source) =>
                marked(party.sourceHolds(source)).map((hold) => ({ source, ...hold })),
              ),
              mergedWith: facts.mergedWith,
              ...(facts.completeFrom !== undefined && { completeFrom: facts.completeFrom }),
            },
    };
  }
}
