import { Inject, Injectable } from '@nestjs/common';
import {
  type AttributionEndedRecord,
  type DomainEvent,
  type MemberAttributed,
  PA_ATTRIBUTION,
  PA_GROUPS,
  PA_MEMBERS,
  PA_PROVIDERS,
  type PayerEvent,
  type ProviderKey,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { Facts, type StepTie } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  type AccessEvent,
  AccessIntake,
  derivedEventId,
  derivedRecord,
  type Output,
  type Stage,
  TOO_MANY_IDS,
} from '@provider-access/intake';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { decideMemberEvent, type Statement } from '../domain/decide-member-event.ts';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { type PayerIdentity, payerIdentity } from '../domain/payer-identity.ts';
import { type GroupBatch, GroupDirectory } from './group-directory.ts';
import { DERIVER, sharedRole } from './holds.ts';
import { MemberState } from './member-state.ts';

interface Derived {
  readonly topic: typeof PA_MEMBERS | typeof PA_ATTRIBUTION;
  readonly member: string;
  readonly record: NewRecord;
  /** It replaces a statement with the same business time. */
  readonly sameTime: boolean;
  /** A repetition that another event of its business time has replaced. It is not appended. */
  readonly replaced: boolean;
}

/** How dates of events are read, and whose Coverages count. */
interface MemberRules {
  readonly days: PayerDays;
  readonly payer: PayerIdentity;
}

/**
 * payer.member-events -> pa.members, pa.attribution, pa.groups. Handles its own event types and, of the resources,
 * Coverages. An event that cannot be read becomes a dead letter; if it may have ended access, access is held as well.
 */
@Injectable()
export class MemberEventsIntake extends AccessIntake {
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(Facts) facts: Facts,
    @Inject(CONFIG) config: AttributionConfig,
    @Inject(PayerDays) days: PayerDays,
  ) {
    const rules: MemberRules = { days, payer: payerIdentity(config.payerIdentifiers, config.payerOrganization) };
    const directory = new GroupDirectory(ports);
    const load = (members: readonly string[]): Promise<MemberState> =>
      MemberState.load(ports.log, facts.reader, members, ports.clock.now());
    let warned = false;
    /** Once in each process, so that a payer who forgot to configure its identity learns why nobody is covered. */
    const warnOfForeign = (): void => {
      if (!warned)
        ports.logger.warn(
          {},
          'a Coverage names another payer than PAYER_IDENTIFIERS and PAYER_ORGANIZATION: it makes nobody covered ' +
            '(/docs/coverage.html)',
        );
      warned = true;
    };
    super(ports, {
      ...sharedRole(config),
      progressTopic: PA_ATTRIBUTION,
      topics: [PA_GROUPS, PA_PROVIDERS, PA_MEMBERS, PA_ATTRIBUTION],
      stages: () => [memberStage(load, directory.batch(), rules, warnOfForeign)],
    });
  }
}

function memberStage(
  load: (members: readonly string[]) => Promise<MemberState>,
  groups: GroupBatch,
  { days, payer }: MemberRules,
  warnOfForeign: () => void,
): Stage<AccessEvent> {
  let state: MemberState;
  return {
    async before(events) {
      state = await load([...new Set(events.flatMap(({ inbound }) => inbound.event?.subject ?? []))]);
    },

    async each({ inbound, at }, taken) {
      if (taken !== undefined || !inbound.ok) return taken;
      const { event } = inbound;
      const decision = decideMemberEvent(event, days, payer);
      if (!decision.ok) return decision;
      if (decision.foreign) warnOfForeign();
      for (const statement of decision.statements) {
        if (statement.kind === 'merged' && (await state.joinsTooMany(statement.merge)))
          return { ok: false, fault: TOO_MANY_IDS };
      }
      const outputs: Output[] = [];
      let stands = true;
      let sameTime = false;
      for (const { topic, member, record, ...derived } of await derive(decision.statements, event, at, state, groups)) {
        const isNews = !derived.replaced && state.apply(member, topic, record);
        if (isNews) outputs.push({ topic, record });
        sameTime ||= isNews && derived.sameTime;
        stands &&= state.stands(member, topic, record);
      }
      if (!stands) return { ok: true, outcome: 'superseded', outputs };
      const recorded = outputs.length > 0 || decision.statements.length === 0;
      const reason = sameTime ? { reason: 'same-time' } : {};
      return { ok: true, outcome: recorded ? 'recorded' : 'unchanged', ...reason, outputs };
    },

    outputs: () => groups.openings().map((record) => ({ topic: PA_GROUPS, record })),
    after: () => groups.done(),
  };
}

/** The events of ours that statements become. */
async function derive(
  statements: readonly Statement[],
  event: PayerEvent & DomainEvent,
  at: string,
  state: MemberState,
  groups: GroupBatch,
): Promise<readonly Derived[]> {
  const about = (member: string, topic: Derived['topic'], type: string, data: unknown): Derived => ({
    topic,
    member,
    record: derivedRecord({ deriver: DERIVER, type, subject: member, cause: event, at, data }),
    sameTime: false,
    replaced: false,
  });
  /** `ordered` is undefined for a repeated statement that another one of its business time has replaced. */
  const aboutOrdered = <C extends { readonly tie?: StepTie | undefined }>(
    topic: Derived['topic'],
    type: string,
    stated: C,
    ordered: C | undefined,
  ): Derived => ({
    ...about(subject, topic, type, ordered ?? stated),
    sameTime: (ordered?.tie?.events.length ?? 0) > 0,
    replaced: ordered === undefined,
  });
  const subject = event.subject!;
  const id = derivedEventId(event, subject);
  const out: Derived[] = [];
  for (const statement of statements) {
    switch (statement.kind) {
      case 'coverage': {
        const { change } = statement;
        out.push(aboutOrdered(PA_MEMBERS, 'pa.coverage-changed.v1', change, state.ordered(change, id)));
        break;
      }
      case 'merged':
        for (const member of [statement.merge.member, statement.merge.retired])
          out.push(about(member, PA_MEMBERS, 'pa.member-merged.v1', statement.merge));
        break;
      case 'attributed': {
        const { identity, ...attribution } = statement.attribution;
        const data: MemberAttributed = {
          member: subject,
          group: await groups.groupOf(identity),
          providers: identity.providers as ProviderKey[],
          ...(identity.contract !== undefined && { contract: identity.contract }),
          ...attribution,
        };
        out.push(aboutOrdered(PA_ATTRIBUTION, 'pa.member-attributed.v1', data, state.orderedAssertion(data, id)));
        break;
      }
      case 'attribution-ended': {
        const { identity, to, businessTime } = statement;
        const data = { member: subject, ...identity, to, businessTime } as AttributionEndedRecord;
        out.push(aboutOrdered(PA_ATTRIBUTION, 'pa.attribution-ended.v1', data, state.orderedEnd(data, id)));
      }
    }
  }
  return out;
}
