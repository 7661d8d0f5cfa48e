import { Inject, Injectable } from '@nestjs/common';
import {
  type DomainEvent,
  type MemberMerged,
  PA_ATTRIBUTION,
  PA_ATTESTATIONS,
  PA_FILE_ROWS,
  PA_GROUPS,
  PA_MEMBERS,
  PA_PROVIDERS,
  type PayerEvent,
  PLATFORM_EVENTS,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { Facts, isKnownReturn } from '@provider-access/facts';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  type AccessEvent,
  AccessIntake,
  derivedEventId,
  derivedRecord,
  type Output,
  rowOutputs,
  type Stage,
  TOO_MANY_IDS,
} from '@provider-access/intake';
import { type LinesFact, linesAt } from '@provider-access/domain/access';
import { type PayerIdentity, payerIdentity } from '@provider-access/domain/pdex';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { decideMemberEvent, type MemberStatement, type Statement } from '../domain/decide-member-event.ts';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { orderedAfter } from '../domain/step-order.ts';
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
  /** The table of lines of business that is in force; undefined without one. */
  readonly lines: () => LinesFact | undefined;
}

/** What a receipt says of a coverage that is recorded and not shared (PEOPLE.md N63). */
type LineNote = 'no-plan' | 'unmapped-plan';
function lineNote(
  statements: readonly Statement[],
  state: MemberState,
  table: LinesFact | undefined,
): LineNote | undefined {
  if (table === undefined) return undefined;
  for (const { type, data } of statements) {
    if (type !== 'pa.coverage-changed.v1' || data.cancelled === true) continue;
    const plan = data.plan ?? state.planOf(data.member, data.coverageId);
    if (plan === undefined) return 'no-plan';
    if (!table.plans.has(plan)) return 'unmapped-plan';
  }
  return undefined;
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
    const { parties } = facts;
    const rules: MemberRules = {
      days,
      payer: payerIdentity(config.payerIdentifiers, config.payerOrganization),
      lines: () => linesAt(parties, parties.decisionTime(ports.clock.now())),
    };
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
      topics: [PA_GROUPS, PA_PROVIDERS, PA_MEMBERS, PA_FILE_ROWS, PA_ATTRIBUTION, PA_ATTESTATIONS],
      stages: () => [memberStage(load, directory.batch(), rules, warnOfForeign)],
    });
  }
}

function memberStage(
  load: (members: readonly string[]) => Promise<MemberState>,
  groups: GroupBatch,
  { days, payer, lines }: MemberRules,
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
        if (statement.type === 'pa.member-merged.v1' && (await state.joinsTooMany(statement.data)))
          return { ok: false, fault: TOO_MANY_IDS };
      }
      const outputs: Output[] = [];
      let stands = true;
      let isRecorded = decision.statements.length === 0;
      let sameTime = false;
      for (const { topic, member, record, ...derived } of await derive(decision.statements, event, at, state, groups)) {
        const isNews = !derived.replaced && state.apply(member, topic, record);
        if (isNews) outputs.push({ topic, record });
        isRecorded ||= isNews;
        sameTime ||= isNews && derived.sameTime;
        stands &&= state.stands(member, topic, record);
      }
      for (const { type, data } of decision.statements)
        if (type === 'pa.member-merged.v1') outputs.push(...(await carriedAttestations(data, event, at, state)));
      outputs.push(...rowOutputs(event, { deriver: DERIVER, at }));
      if (!stands) return { ok: true, outcome: 'superseded', outputs };
      const unknown = decision.statements.some(
        ({ type, data }) => type === 'pa.notice-returned.v1' && !isKnownReturn(state.noticesOf(data.member), data),
      );
      const note = sameTime ? 'same-time' : unknown ? 'unknown-notice' : lineNote(decision.statements, state, lines());
      const reason = note === undefined ? {} : { reason: note };
      return { ok: true, outcome: isRecorded ? 'recorded' : 'unchanged', ...reason, outputs };
    },

    outputs: () => groups.openings().map((record) => ({ topic: PA_GROUPS, record })),
    after: () => groups.done(),
  };
}

/**
 * The events of ours that statements become, each for every member whom it is about. A statement has the business time
 * under which it is appended after what is known, so that the later append of two with one time counts (ADR 0022).
 */
async function derive(
  statements: readonly Statement[],
  event: PayerEvent & DomainEvent,
  at: string,
  state: MemberState,
  groups: GroupBatch,
): Promise<readonly Derived[]> {
  const id = derivedEventId(event, event.subject!);
  const out: Derived[] = [];
  for (const stated of statements) {
    const statement: MemberStatement =
      stated.type === 'pa.member-attributed.v1'
        ? { ...stated, data: { ...stated.data, group: await groups.groupOf(stated.data) } }
        : stated;
    const { type, data } = statement;
    const ordered = orderedAfter(data, id, state.stepsBeside(statement));
    for (const member of await subjectsOf(statement, state))
      out.push({
        topic: PLATFORM_EVENTS[type].topic,
        member,
        record: derivedRecord({ deriver: DERIVER, type, subject: member, cause: event, at, data: ordered ?? data }),
        sameTime: ordered !== undefined && 'tie' in ordered && (ordered.tie?.events.length ?? 0) > 0,
        replaced: ordered === undefined,
      });
    if (type === 'pa.member-merged.v1') out.push(...(await sharedNotices(data, event, at, state)));
  }
  return out;
}

/** The ids under which a statement is recorded. A notice is for the person, whatever id it names. */
async function subjectsOf({ type, data }: MemberStatement, state: MemberState): Promise<readonly string[]> {
  if (type === 'pa.member-merged.v1') return [data.member, data.retired];
  if (type === 'pa.notice-sent.v1' || type === 'pa.notice-returned.v1') return [...(await state.idsOf(data.member))];
  return [data.member];
}

/** What was sent to the ids on one side of a merge, for those on the other side, whose facts lack it. */
async function sharedNotices(
  { member, retired, businessTime }: MemberMerged,
  cause: PayerEvent & DomainEvent,
  at: string,
  state: MemberState,
): Promise<readonly Derived[]> {
  const out: Derived[] = [];
  for (const [from, to] of [
    [member, retired],
    [retired, member],
  ] as const) {
    const { notices = [], returned = [] } = state.noticesOf(from);
    const copies = [
      ...notices.map(({ of, kind, on, from: since }) => ({
        type: 'pa.notice-sent.v1',
        data: { member: of, kind, on, from: since, businessTime },
      })),
      ...returned.map((mark) => {
        const [of, on] = mark.split('|');
        return { type: 'pa.notice-returned.v1', data: { member: of, on, businessTime } };
      }),
    ];
    for (const subject of await state.idsOf(to))
      for (const [n, copy] of copies.entries()) {
        const record = derivedRecord({ deriver: DERIVER, ...copy, subject, cause, at, n: n + 1 });
        out.push({ topic: PA_MEMBERS, member: subject, record, sameTime: false, replaced: false });
      }
  }
  return out;
}

/** Ids of other events of the same cause and subject are below. */
const FIRST_CARRIED = 1000;
/** What providers attest of the retired id, for the id that stays (ADR 0124). */
async function carriedAttestations(
  merge: MemberMerged,
  cause: PayerEvent & DomainEvent,
  at: string,
  state: MemberState,
): Promise<readonly Output[]> {
  const { member } = merge;
  const left = await state.attestationsLeft(merge, at);
  return left.map(({ group, client, provider, from, to, attestedAt, policy, job }, n) => {
    const npi = provider.replace('npi|', '');
    const data = { member, group, client, npi, from, to, attestedAt, policy, job };
    const type = 'pa.member-attested.v1';
    const record = derivedRecord({ deriver: DERIVER, type, subject: member, cause, at, data, n: FIRST_CARRIED + n });
    return { topic: PA_ATTESTATIONS, record };
  });
}
