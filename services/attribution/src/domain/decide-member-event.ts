import {
  type CoverageChanged,
  type DomainEvent,
  type EventFault,
  type MemberAttributed,
  type OwnedBy,
  type PA_ATTRIBUTION,
  type PA_MEMBERS,
  PAYER_CONTRACT,
  type PayerEvent,
  type PLATFORM_EVENTS,
  type PlatformData,
  providerKeys,
} from '@provider-access/events';
import { EVER, EVERY_COVERAGE } from '@provider-access/facts';
import { toInstant } from '@provider-access/fhir';
import type { PayerDays } from '@provider-access/domain/pdex/days';
import { readCoverage } from './coverage-resource.ts';
import type { PayerIdentity } from '@provider-access/domain/pdex';
import { dayIn, endOf, instantOf, spanOf } from './dates.ts';

/** The owner of a list: one Group for each provider identity and contract. */
export type GroupIdentity = Pick<MemberAttributed, 'providers' | 'contract'>;

/** An event of ours about a member: every type whose topic is pa.members or pa.attribution. */
export type MemberStatement = {
  [Type in keyof typeof PLATFORM_EVENTS]: (typeof PLATFORM_EVENTS)[Type]['topic'] extends
    typeof PA_MEMBERS | typeof PA_ATTRIBUTION
    ? { readonly type: Type; readonly data: PlatformData<Type> }
    : never;
}[keyof typeof PLATFORM_EVENTS];
/** What an event states: events of ours, without what only intake knows. Intake finds the Group of an attribution. */
export type Statement =
  | Exclude<MemberStatement, { type: 'pa.member-attributed.v1' }>
  | { readonly type: 'pa.member-attributed.v1'; readonly data: Omit<MemberAttributed, 'group'> };
/** `foreign`: a Coverage of which no payor is this payer. */
export type MemberEventDecision =
  | { readonly ok: true; readonly statements: readonly Statement[]; readonly foreign?: true }
  | { readonly ok: false; readonly fault: EventFault };

/** Events whose outcome attribution decides. */
export const isOwn = (type: string): boolean => PAYER_CONTRACT.definition(type)?.owner === 'attribution';
/**
 * The resources service decides resource events. Coverages among them state who is covered, so attribution reads those.
 */
export const RESOURCE_TYPES = ['payer.resource-recorded.v1', 'payer.resource-deleted.v1'] as const;
const isResource = (type: string): boolean => (RESOURCE_TYPES as readonly string[]).includes(type);
/**
 * Whether attribution refuses what it cannot read of a type: its own events, and Coverages, the only resources that the
 * frame lets through.
 */
export const isDecidedHere = (type: string | undefined): boolean =>
  type !== undefined && (isOwn(type) || isResource(type));
/** The only resource type that states who is covered. */
export const COVERAGES: ReadonlySet<string> = new Set(['Coverage']);

/** `ProviderEventsIntake` decides these. */
export const NETWORK_STATUS = 'payer.network-status-changed.v1';
/** `ProviderEventsIntake` decides these too. */
export const FILE_IMPORTED = 'payer.file-imported.v1';
export const LIST_CHANGED = 'payer.list-changed.v1';

const invalid = (detail: string): MemberEventDecision => ({ ok: false, fault: { reason: 'invalid-data', detail } });
const ENDS_FIRST = 'data.to: must not lie before from';
const ok = (...statements: Statement[]): MemberEventDecision => ({ ok: true, statements });
/** A new type does not compile until somebody decides here what it states about access, or its owner is consent. */
const decidedByConsent = (_type: OwnedBy<'consent'>): MemberEventDecision => ok();
const identityOf = (p: {
  npi?: string | undefined;
  tin?: string | undefined;
  contract?: string | undefined;
}): GroupIdentity => ({ providers: providerKeys(p), ...(p.contract !== undefined && { contract: p.contract }) });

/** States nothing about the time of a coverage: it ends where there is no end. */
const PLAN_ALONE = { from: '9999-12-31T00:00:00.000Z', cancelled: true } as const;
/** What the days and the plan of an enrolment, or of a change of it, state. */
function enrolled(
  { coverageId, from, to, plan, accepted, notices }: (PayerEvent & { type: 'payer.member-changed.v1' })['data'],
  days: PayerDays,
  coverage: (change: Omit<CoverageChanged, 'member' | 'businessTime' | 'sequence'>) => MemberEventDecision,
): MemberEventDecision {
  const of = plan === undefined ? {} : { plan };
  if (from === undefined && to === undefined)
    return plan === undefined || coverageId === undefined ? ok() : coverage({ ...of, ...PLAN_ALONE, coverageId });
  if (coverageId === undefined) return invalid('data.coverageId: is required with from or to');
  // An event with only an end can shorten a coverage. An event that lengthens it also has `from`, and an open end
  // shortens nothing.
  if (from === undefined) {
    const end = endOf(days, to!);
    if (end !== undefined) return coverage({ ...of, coverageId, from: end, cancelled: true });
    return plan === undefined ? ok() : coverage({ ...of, ...PLAN_ALONE, coverageId });
  }
  const span = spanOf(days, from, to);
  const asked = {
    ...(accepted !== undefined && { accepted: dayIn(days, accepted) }),
    ...(notices !== undefined && { notices }),
  };
  return span === undefined ? invalid(ENDS_FIRST) : coverage({ ...of, coverageId, ...span, ...asked });
}

/** What a notice that was sent states. `time` is that of the event. */
function noticeSent(
  member: string,
  { kind, template, language, channel, at, proof }: (PayerEvent & { type: 'payer.notice-sent.v1' })['data'],
  time: string,
  days: PayerDays,
): MemberEventDecision {
  // It may be the next day already where the payer is.
  if (days.restrictsFrom(at) > Date.parse(time))
    return invalid('data.at: a notice cannot have been sent after the event that reports it');
  const texts = { ...(template !== undefined && { template }), ...(proof !== undefined && { proof }) };
  const when = { on: dayIn(days, at), from: toInstant(days.permitsFrom(at)), businessTime: instantOf(time) };
  return ok({ type: 'pa.notice-sent.v1', data: { member, kind, language, channel, ...texts, ...when } });
}

/**
 * What a valid member event states about access. `days` tell when a day of the payer begins, `payer` which Coverages
 * count. Pure.
 */
export function decideMemberEvent(
  event: PayerEvent & DomainEvent,
  days: PayerDays,
  payer: PayerIdentity,
): MemberEventDecision {
  const member = event.subject!;
  const businessTime = instantOf(event.time);
  const coverage = (
    change: Omit<CoverageChanged, 'member' | 'businessTime' | 'sequence'>,
    sequence = 0,
  ): MemberEventDecision => ok({ type: 'pa.coverage-changed.v1', data: { member, businessTime, sequence, ...change } });
  switch (event.type) {
    case 'payer.member-enrolled.v1': {
      const { file } = event.data;
      return enrolled(event.data, days, (change) => coverage({ ...change, ...(file !== undefined && { file }) }));
    }
    case 'payer.member-changed.v1':
      return enrolled(event.data, days, coverage);
    case 'payer.member-terminated.v1': {
      const { coverageId, to, file } = event.data;
      const end = endOf(days, to);
      if (end === undefined)
        return invalid('data.to: a termination needs the day of its end; 9999 means that there is none');
      return coverage({ coverageId: coverageId ?? EVERY_COVERAGE, from: end, cancelled: true, ...(file && { file }) });
    }
    case 'payer.notice-sent.v1':
      return noticeSent(member, event.data, event.time, days);
    case 'payer.notice-returned.v1': {
      const { sent, reason } = event.data;
      const data = { member, on: dayIn(days, sent), businessTime, ...(reason !== undefined && { reason }) };
      return ok({ type: 'pa.notice-returned.v1', data });
    }
    case 'payer.members-merged.v1': {
      const { from } = event.data;
      if (from === member) return invalid('data.from: must be another id than the subject');
      return ok({ type: 'pa.member-merged.v1', data: { member, retired: from, businessTime } });
    }
    case 'payer.attribution-asserted.v1': {
      const { provider, from, to, ...about } = event.data;
      const span = spanOf(days, from, to);
      if (span === undefined) return invalid(ENDS_FIRST);
      return ok({
        type: 'pa.member-attributed.v1',
        data: { ...about, member, ...identityOf(provider), ...span, businessTime },
      });
    }
    case 'payer.attribution-ended.v1': {
      const { provider, to, file } = event.data;
      const end = endOf(days, to);
      if (end === undefined)
        return invalid('data.to: the end of an attribution needs its day; 9999 means that there is none');
      return ok({
        type: 'pa.attribution-ended.v1',
        data: { member, ...identityOf(provider), to: end, businessTime, ...(file !== undefined && { file }) },
      });
    }
    case 'payer.resource-deleted.v1': {
      const { id, resourceType, sequence } = event.data;
      return resourceType === 'Coverage'
        ? coverage({ coverageId: id, from: EVER, cancelled: true, replaces: true }, sequence)
        : ok();
    }
    case 'payer.resource-recorded.v1': {
      const { resource, sequence } = event.data;
      if (resource['resourceType'] !== 'Coverage') return ok();
      const reading = readCoverage(resource, member, days, payer);
      if (!reading.ok) return invalid(reading.detail);
      const decision = reading.span === undefined ? ok() : coverage(reading.span, sequence);
      return decision.ok && reading.foreign ? { ...decision, foreign: true } : decision;
    }
    case 'payer.prior-authorization-changed.v1':
    case 'payer.provider-recorded.v1':
    case FILE_IMPORTED:
    case LIST_CHANGED:
    case NETWORK_STATUS:
      return ok();
    default:
      return decidedByConsent(event.type);
  }
}
