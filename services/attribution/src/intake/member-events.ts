import { Inject, Injectable } from '@nestjs/common';
import {
  type AttributionEndedRecord,
  type MemberAttributed,
  PA_ATTRIBUTION,
  PA_GROUPS,
  PA_MEMBERS,
  PA_PROVIDERS,
  type ProviderKey,
} from '@provider-access/events';
import type { Batch, NewRecord } from '@provider-access/engines/log';
import { Facts, type StepTie } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  derivedEventId,
  derivedRecord,
  Intake,
  type IntakeRole,
  type Output,
  type Taken,
  type TakenFrom,
  TOO_MANY_IDS,
  type Turn,
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
export class MemberEventsIntake {
  private readonly intake: Intake;
  private foreign = false;

  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(Facts) facts: Facts,
    @Inject(CONFIG) config: AttributionConfig,
    @Inject(PayerDays) days: PayerDays,
  ) {
    const rules: MemberRules = { days, payer: payerIdentity(config.payerIdentifiers, config.payerOrganization) };
    const directory = new GroupDirectory(ports);
    this.intake = new Intake(ports, {
      ...sharedRole(config),
      progressTopic: PA_ATTRIBUTION,
      topics: [PA_GROUPS, PA_PROVIDERS, PA_MEMBERS, PA_ATTRIBUTION],
      begin: async (inbound) => {
        const members = [...new Set(inbound.flatMap(({ event }) => event?.subject ?? []))];
        const state = await MemberState.load(ports.log, facts.reader, members, ports.clock.now());
        return new MemberTurn(state, directory.batch(), rules, () => this.foreignSeen(ports));
      },
    } satisfies IntakeRole);
  }

  /** Once in each process, so that a payer who forgot to configure its identity learns why nobody is covered. */
  private foreignSeen({ logger }: ServicePorts): void {
    if (this.foreign) return;
    this.foreign = true;
    logger.warn(
      {},
      'a Coverage names another payer than PAYER_IDENTIFIERS and PAYER_ORGANIZATION: it makes nobody covered ' +
        '(/docs/coverage.html)',
    );
  }

  /** Called when partitions are assigned to this instance, because another one may have derived from them since. */
  assigned(): void {
    this.intake.assigned();
  }

  handle(batch: Batch): Promise<void> {
    return this.intake.handle(batch);
  }

  /** What operators decided about dead letters of either topic. */
  resolved(batch: Batch): Promise<void> {
    return this.intake.resolved(batch);
  }
}

class MemberTurn implements Turn {
  constructor(
    private readonly state: MemberState,
    private readonly groups: GroupBatch,
    private readonly rules: MemberRules,
    private readonly foreign: () => void,
  ) {}

  async take(from: TakenFrom): Promise<Taken> {
    const decision = decideMemberEvent(from.event, this.rules.days, this.rules.payer);
    if (!decision.ok) return decision;
    if (decision.foreign) this.foreign();
    for (const statement of decision.statements) {
      if (statement.kind === 'merged' && (await this.state.joinsTooMany(statement.merge)))
        return { ok: false, fault: TOO_MANY_IDS };
    }
    const outputs: Output[] = [];
    let stands = true;
    let sameTime = false;
    for (const { topic, member, record, ...derived } of await this.derive(decision.statements, from)) {
      const isNews = !derived.replaced && this.state.apply(member, topic, record);
      if (isNews) outputs.push({ topic, record });
      sameTime ||= isNews && derived.sameTime;
      stands &&= this.state.stands(member, topic, record);
    }
    if (!stands) return { ok: true, outcome: 'superseded', outputs };
    const news = outputs.length > 0 || decision.statements.length === 0;
    return { ok: true, outcome: news ? 'recorded' : 'unchanged', ...(sameTime && { reason: 'same-time' }), outputs };
  }

  extra(): readonly Output[] {
    return this.groups.openings().map((record) => ({ topic: PA_GROUPS, record }));
  }

  done(): void {
    this.groups.done();
  }

  private async derive(statements: readonly Statement[], { event, at }: TakenFrom): Promise<readonly Derived[]> {
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
    const out: Derived[] = [];
    for (const statement of statements) {
      switch (statement.kind) {
        case 'coverage': {
          const { change } = statement;
          out.push(
            aboutOrdered(
              PA_MEMBERS,
              'pa.coverage-changed.v1',
              change,
              this.state.ordered(change, derivedEventId(event, subject)),
            ),
          );
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
            group: await this.groups.groupOf(identity),
            providers: identity.providers as ProviderKey[],
            ...(identity.contract !== undefined && { contract: identity.contract }),
            ...attribution,
          };
          out.push(
            aboutOrdered(
              PA_ATTRIBUTION,
              'pa.member-attributed.v1',
              data,
              this.state.orderedAssertion(data, derivedEventId(event, subject)),
            ),
          );
          break;
        }
        case 'attribution-ended': {
          const { identity, to, businessTime } = statement;
          const data = { member: subject, ...identity, to, businessTime } as AttributionEndedRecord;
          out.push(
            aboutOrdered(
              PA_ATTRIBUTION,
              'pa.attribution-ended.v1',
              data,
              this.state.orderedEnd(data, derivedEventId(event, subject)),
            ),
          );
        }
      }
    }
    return out;
  }
}
