import { dateRange, type FhirResource, isObject } from '@provider-access/kernel/fhir';

/** Why a resource has, or has not, an end of service. Only `end` and `start` are dates. */
type ServiceBasis =
  /** Its last documented day. */
  | 'end'
  /** No end is known and it is not going on: the day it began. */
  | 'start'
  /** Begun and not over: it stays, however long ago it began. */
  | 'active'
  /** Dated care without a date. */
  | 'undated'
  /**
   * People, coverage, directory, products, Provenance: no care that has a date. A Provenance goes and stays with its
   * targets, whenever it was recorded.
   */
  | 'not-dated-care';

export interface EndOfService {
  /**
   * First millisecond (UTC) after the last day of service, read as the calendar day that the document names; null when
   * there is none.
   */
  readonly ms: number | null;
  readonly basis: ServiceBasis;
}

/** Data before this date of service is not due (42 CFR 422.121(a)(2)). */
export const SERVICE_DATE_FLOOR = '2016-01-01';

interface Service {
  readonly ends: readonly unknown[];
  readonly starts: readonly unknown[];
  /** It goes on, as far as its status says: without an end it stays. */
  readonly active?: boolean;
  /** Its status outweighs its dates: an order's validity may lie in the past while it is still open. */
  readonly statusDecides?: boolean;
}

const field = (value: unknown, ...names: string[]): unknown =>
  names.reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
const isOneOf = (value: unknown, ...names: string[]): boolean => typeof value === 'string' && names.includes(value);
const statusCode = (concept: unknown): unknown => field(list(field(concept, 'coding'))[0], 'code');

/** Period, dateTime, Timing, Range of ages: the documented ends and starts of a choice element. */
function span(resource: FhirResource, stem: string): Service {
  const period = resource[`${stem}Period`];
  const moment = resource[`${stem}DateTime`] ?? resource[`${stem}Date`] ?? resource[`${stem}Instant`];
  const events = list(field(resource[`${stem}Timing`], 'event'));
  const bounds = field(resource[`${stem}Timing`], 'repeat', 'boundsPeriod');
  return {
    ends: [field(period, 'end'), moment, ...events, field(bounds, 'end')],
    starts: [field(period, 'start'), field(bounds, 'start')],
  };
}

function claimService(resource: FhirResource): Service {
  const items = [...list(resource['item']), ...list(resource['addItem'])];
  const serviced = items.map((item) => ({ period: field(item, 'servicedPeriod'), date: field(item, 'servicedDate') }));
  const billable = resource['billablePeriod'];
  const service = {
    ends: [field(billable, 'end'), ...serviced.flatMap(({ period, date }) => [field(period, 'end'), date])],
    starts: [field(billable, 'start'), ...serviced.map(({ period }) => field(period, 'start'))],
  };
  if (resource['use'] !== 'preauthorization') return service;
  // An authorization serves until its last period ends; one without an end is still to be used, unless it is over.
  const periods = list(resource['preAuthRefPeriod']);
  const open = periods.some((period) => field(period, 'end') === undefined);
  return {
    ends: [...periods.map((period) => field(period, 'end')), ...service.ends],
    starts: [...periods.map((period) => field(period, 'start')), ...service.starts, resource['created']],
    statusDecides: true,
    active: resource['status'] === 'active' && (open || isOneOf(resource['outcome'], 'queued', 'partial')),
  };
}

/** Where each type keeps its dates. A type that is not here is no dated care. */
const SERVICES: Readonly<Record<string, (resource: FhirResource) => Service>> = {
  ExplanationOfBenefit: claimService,
  Encounter: (r) => ({
    ends: [field(r['period'], 'end')],
    starts: [field(r['period'], 'start')],
    active: isOneOf(r['status'], 'planned', 'arrived', 'triaged', 'in-progress', 'onleave'),
  }),
  Condition: (r) => {
    const over = isOneOf(statusCode(r['clinicalStatus']), 'inactive', 'remission', 'resolved');
    const abated = span(r, 'abatement');
    const onset = span(r, 'onset');
    return {
      ends: abated.ends,
      starts: [...abated.starts, ...onset.ends, ...onset.starts, r['recordedDate']],
      active: !over,
    };
  },
  Procedure: (r) => ({
    ...span(r, 'performed'),
    active: isOneOf(r['status'], 'preparation', 'in-progress', 'on-hold'),
  }),
  Observation: (r) => withFallback(span(r, 'effective'), r['issued']),
  DiagnosticReport: (r) => withFallback(span(r, 'effective'), r['issued']),
  DocumentReference: (r) =>
    withFallback(
      { ends: [field(r['context'], 'period', 'end')], starts: [field(r['context'], 'period', 'start')] },
      r['date'],
    ),
  Immunization: (r) => span(r, 'occurrence'),
  MedicationRequest: (r) => ({
    ends: [field(r['dispenseRequest'], 'validityPeriod', 'end')],
    starts: [r['authoredOn']],
    statusDecides: true,
    active: isOneOf(r['status'], 'active', 'on-hold', 'draft'),
  }),
  MedicationDispense: (r) => ({
    ends: [r['whenHandedOver'] ?? r['whenPrepared']],
    starts: [],
    active: isOneOf(r['status'], 'preparation', 'in-progress', 'on-hold'),
  }),
  CarePlan: (r) => periodOf(r, 'completed', 'revoked', 'entered-in-error'),
  CareTeam: (r) => periodOf(r, 'inactive', 'entered-in-error'),
  Goal: (r) => ({
    ends: isOneOf(r['lifecycleStatus'], 'completed', 'cancelled', 'rejected', 'entered-in-error')
      ? [r['statusDate']]
      : [],
    starts: [r['startDate']],
    active: !isOneOf(r['lifecycleStatus'], 'completed', 'cancelled', 'rejected', 'entered-in-error'),
  }),
  AllergyIntolerance: (r) => {
    const over = isOneOf(statusCode(r['clinicalStatus']), 'inactive', 'resolved');
    return { ends: over ? [r['lastOccurrence'], field(r['onsetPeriod'], 'end')] : [], starts: [], active: !over };
  },
  ServiceRequest: (r) => {
    const occurrence = span(r, 'occurrence');
    return {
      ends: occurrence.ends,
      starts: [...occurrence.starts, r['authoredOn']],
      statusDecides: true,
      active: isOneOf(r['status'], 'active', 'on-hold', 'draft', 'unknown'),
    };
  },
  Specimen: (r) =>
    withFallback(
      span(
        isObject(r['collection']) ? { ...r['collection'], resourceType: 'Specimen' } : { resourceType: 'Specimen' },
        'collected',
      ),
      r['receivedTime'],
    ),
  Media: (r) => withFallback(span(r, 'created'), r['issued']),
  QuestionnaireResponse: (r) => ({ ends: [r['authored']], starts: [], active: r['status'] === 'in-progress' }),
};

/** Synonyms of "when it was done" for results that say only when they were issued. */
function withFallback(service: Service, date: unknown): Service {
  return [...service.ends, ...service.starts].some((value) => value !== undefined)
    ? service
    : { ends: [], starts: [date] };
}

function periodOf(resource: FhirResource, ...overStatuses: string[]): Service {
  return {
    ends: [field(resource['period'], 'end')],
    starts: [field(resource['period'], 'start')],
    active: !isOneOf(resource['status'], ...overStatuses),
  };
}

/** The latest of several FHIR dates by the end of the calendar day (month, year) they name. */
function latest(values: readonly unknown[]): { ms: number; date: string } | undefined {
  let found: { ms: number; date: string } | undefined;
  for (const value of values) {
    if (typeof value !== 'string') continue;
    // The day as written: a time zone does not move a visit into another year.
    const date = value.slice(0, 10);
    const range = dateRange(date);
    if (range !== undefined && (found === undefined || range.end > found.ms)) found = { ms: range.end, date };
  }
  return found;
}

/**
 * When the care that a resource documents was over: its end, else its start; null while it goes on, when it has no
 * date, or when its type is no dated care. Unreadable dates count as absent.
 */
export function endOfService(resource: FhirResource): EndOfService {
  const service = SERVICES[resource.resourceType]?.(resource);
  if (service === undefined) return { ms: null, basis: 'not-dated-care' };
  const end = latest(service.ends);
  if (end !== undefined && !(service.active === true && service.statusDecides === true))
    return { ms: end.ms, basis: 'end' };
  if (service.active === true) return { ms: null, basis: 'active' };
  const start = latest(service.starts);
  return start === undefined ? { ms: null, basis: 'undated' } : { ms: start.ms, basis: 'start' };
}

/**
 * Whether all of the care lies before the floor (a FHIR date, by default 2016-01-01): then the resource is not kept.
 */
export function beforeFloor(resource: FhirResource, floor: string = SERVICE_DATE_FLOOR): boolean {
  const { ms } = endOfService(resource);
  const range = dateRange(floor);
  if (range === undefined) throw new RangeError('the floor must be a FHIR date');
  return ms !== null && ms <= range.start;
}

/**
 * The day a view sorts and filters by (`2024-03-01`, or less precise as documented): the end of service, else the
 * start. Undefined for what has no date.
 */
export function serviceDate(resource: FhirResource): string | undefined {
  const service = SERVICES[resource.resourceType]?.(resource);
  return service === undefined ? undefined : (latest(service.ends) ?? latest(service.starts))?.date;
}
