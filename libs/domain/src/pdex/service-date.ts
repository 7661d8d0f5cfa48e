import { dateRange, type FhirResource, isObject } from '@provider-access/fhir';

/** The regulation requires no data before this date of service (42 CFR 422.121(a)(2)). */
export const SERVICE_DATE_FLOOR = '2016-01-01';

interface Service {
  readonly ends: readonly unknown[];
  readonly starts: readonly unknown[];
  /** By its status the care goes on. Without an end the resource stays. */
  readonly active?: boolean;
  /** The status overrides the dates, because the validity of an open order may be in the past. */
  readonly statusDecides?: boolean;
}

const field = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
const isOneOf = (value: unknown, ...names: string[]): boolean => typeof value === 'string' && names.includes(value);
const statusCode = (concept: unknown): unknown => field(list(field(concept, 'coding'))[0], 'code');

/** The documented ends and starts of a choice element: Period, dateTime, Timing, Range of ages. */
function span(resource: FhirResource, stem: string): Service {
  const period = resource[`${stem}Period`];
  const moment = resource[`${stem}DateTime`] ?? resource[`${stem}Date`] ?? resource[`${stem}Instant`];
  const timing = resource[`${stem}Timing`];
  const events = list(field(timing, 'event'));
  const bounds = field(field(timing, 'repeat'), 'boundsPeriod');
  return {
    ends: [field(period, 'end'), moment, ...events, field(bounds, 'end')],
    starts: [field(period, 'start'), field(bounds, 'start')],
  };
}

function claimService(resource: FhirResource): Service {
  const billable = resource['billablePeriod'];
  const ends = [field(billable, 'end')];
  const starts = [field(billable, 'start')];
  for (const items of [resource['item'], resource['addItem']])
    for (const item of list(items)) {
      const period = field(item, 'servicedPeriod');
      ends.push(field(period, 'end'), field(item, 'servicedDate'));
      starts.push(field(period, 'start'));
    }
  const service = { ends, starts };
  if (resource['use'] !== 'preauthorization') return service;
  // An authorization is in use until its last period ends. Without an end it is in use until its status ends it.
  const periods = list(resource['preAuthRefPeriod']);
  const open = periods.some((period) => field(period, 'end') === undefined);
  return {
    ends: [...periods.map((period) => field(period, 'end')), ...service.ends],
    starts: [...periods.map((period) => field(period, 'start')), ...service.starts, resource['created']],
    statusDecides: true,
    active: resource['status'] === 'active' && (open || isOneOf(resource['outcome'], 'queued', 'partial')),
  };
}

/** The dates of each type. A type that is missing here is not care with a date. */
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
      { ends: [field(field(r['context'], 'period'), 'end')], starts: [field(field(r['context'], 'period'), 'start')] },
      r['date'],
    ),
  Immunization: (r) => span(r, 'occurrence'),
  MedicationRequest: (r) => ({
    ends: [field(field(r['dispenseRequest'], 'validityPeriod'), 'end')],
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

/** The date of issue counts if a result has no other date. */
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

/** The latest of several FHIR dates, by the end of their calendar day, month or year. */
function latest(values: readonly unknown[]): { ms: number; date: string } | undefined {
  let found: { ms: number; date: string } | undefined;
  for (const value of values) {
    if (typeof value !== 'string') continue;
    // The day as written, because a time zone must not move a visit into another year.
    const date = value.slice(0, 10);
    const range = dateRange(date);
    if (range !== undefined && (found === undefined || range.end > found.ms)) found = { ms: range.end, date };
  }
  return found;
}

/**
 * The first millisecond (UTC) after the end of the care that a resource documents, else after its start: the calendar
 * day as written. Undefined while the care goes on, without a date, and for a type that is not care with a date.
 * Unreadable dates count as absent. A Provenance stays or goes with its targets.
 */
function overAt(resource: FhirResource): number | undefined {
  const service = SERVICES[resource.resourceType]?.(resource);
  if (service === undefined) return undefined;
  const end = latest(service.ends);
  if (service.active === true && (end === undefined || service.statusDecides === true)) return undefined;
  return (end ?? latest(service.starts))?.ms;
}

/**
 * Whether all of the care was before the floor (a FHIR date, by default 2016-01-01). Intake does not keep such a
 * resource.
 */
export function beforeFloor(resource: FhirResource, floor: string = SERVICE_DATE_FLOOR): boolean {
  const over = overAt(resource);
  const start = startOf(floor);
  return over !== undefined && over <= start;
}

/** The floor of the last call, which is that of nearly each next one. */
let known = { floor: SERVICE_DATE_FLOOR, start: dateRange(SERVICE_DATE_FLOOR)!.start };
function startOf(floor: string): number {
  if (known.floor !== floor) {
    const range = dateRange(floor);
    if (range === undefined) throw new RangeError('the floor must be a FHIR date');
    known = { floor, start: range.start };
  }
  return known.start;
}

/** The date by which a view sorts and filters, in its documented precision: the end of service, else the start. */
export function serviceDate(resource: FhirResource): string | undefined {
  const service = SERVICES[resource.resourceType]?.(resource);
  return service === undefined ? undefined : (latest(service.ends) ?? latest(service.starts))?.date;
}

/**
 * The first millisecond of the care that a resource documents, and the first one after it (UTC, the calendar days as
 * written). Undefined without a date, for a type that is not care with a date, and while the care goes on.
 */
export function servicePeriod(resource: FhirResource): { readonly from: number; readonly until: number } | undefined {
  const service = SERVICES[resource.resourceType]?.(resource);
  if (service === undefined || service.active === true) return undefined;
  const ranges = [...service.starts, ...service.ends].flatMap((value) =>
    typeof value === 'string' ? (dateRange(value.slice(0, 10)) ?? []) : [],
  );
  if (ranges.length === 0) return undefined;
  const isOpen = service.starts.some((value) => value !== undefined) && latest(service.ends) === undefined;
  return {
    from: Math.min(...ranges.map(({ start }) => start)),
    until: isOpen ? Infinity : Math.max(...ranges.map(({ end }) => end)),
  };
}
