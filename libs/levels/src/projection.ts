import {
  type BusinessDays,
  deadLetterTopic,
  decodeEvent,
  type EventParked,
  type Objective,
  PA_SERVICE_LEVELS,
  PAYER_MEMBER_EVENTS,
  type ProbeReported,
  type ServiceLevelMeasured,
  type ServiceLevelStarted,
  typeOf,
  dataOf,
} from '@provider-access/events';
import { type LogRecord, parsedOnce } from '@provider-access/engines/log';
import { EMPTY_TALLY, isHistory, objectiveOf, type Tally, tallied } from '@provider-access/domain/pdex/service-levels';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';

/** The counts of one objective, one local day of starts and one scope, and the offset up to which they count. */
export interface TallyPart extends Tally {
  readonly objective: Objective;
  readonly day: string;
  readonly scope: string;
  readonly next: number;
  /** The calendars of the measurements: one, unless the configuration changed. */
  readonly calendars: readonly BusinessDays[];
}
/** The requests of a scope without a measurement: counts and the oldest start (ms) by batch. */
export interface OpenPart {
  readonly state: 'open' | 'closed';
  readonly scope: string;
  /** Measured up to this offset. */
  readonly next: number;
  readonly batches: readonly {
    readonly next: number;
    readonly starts: Readonly<Partial<Record<Objective, { readonly count: number; readonly oldest: number }>>>;
  }[];
}
export interface ProbePart extends ProbeReported {
  /** When the probe last passed all its steps. */
  readonly lastSuccess?: string;
}
/** A claim in a dead letter. Its time counts until a person resolves the dead letter. */
export interface DeadLetterPart {
  readonly state: 'open' | 'closed';
  readonly objective: Objective;
  /** ms */
  readonly start: number;
}

const KNOWN = new Set<string | undefined>([
  'pa.service-level-started.v1',
  'pa.service-level-measured.v1',
  'pa.probe-reported.v1',
]);
/** More calendars would mean a configuration that changes all day. */
const MAX_CALENDARS = 20;
export const PROBE_ID = 'probe';
const openId = (scope: string): string => `open/${scope}`;
const tallyId = (objective: Objective, day: string, scope: string): string => `tally/${objective}/${day}/${scope}`;

function started(part: OpenPart | undefined, data: ServiceLevelStarted): OpenPart | undefined {
  // A redelivery, whose claims are measured or known.
  if (part !== undefined && (data.next <= part.next || part.batches.some((b) => b.next === data.next)))
    return undefined;
  const starts: Partial<Record<Objective, { count: number; oldest: number }>> = {};
  for (const { objective, at } of data.starts) {
    const entry = (starts[objective] ??= { count: 0, oldest: at });
    entry.count++;
    entry.oldest = Math.min(entry.oldest, at);
  }
  return {
    state: 'open',
    scope: data.scope,
    next: part?.next ?? 0,
    batches: [...(part?.batches ?? []), { next: data.next, starts }],
  };
}

function closed(part: OpenPart | undefined, data: ServiceLevelMeasured): OpenPart | undefined {
  if (part !== undefined && data.next <= part.next) return undefined;
  const batches = (part?.batches ?? []).filter((b) => b.next > data.next);
  return { state: batches.length > 0 ? 'open' : 'closed', scope: data.scope, next: data.next, batches };
}

function counted(part: TallyPart | undefined, data: ServiceLevelMeasured, key: string): TallyPart | undefined {
  const day = data.days.find((d) => tallyId(d.objective, d.day, data.scope) === key);
  if (day === undefined) return undefined;
  // Offsets before `next` are already counted. A batch may be handled again with other boundaries, and then only its
  // new offsets count.
  const fresh = day.items.filter(([offset]) => offset >= (part?.next ?? 0));
  if (fresh.length === 0) return undefined;
  const calendars = part?.calendars ?? [];
  const known = calendars.some((c) => JSON.stringify(c) === JSON.stringify(data.calendar));
  return {
    ...tallied(
      part ?? EMPTY_TALLY,
      fresh.map(([, ms, met]) => [ms, met === 1]),
    ),
    objective: day.objective,
    day: day.day,
    scope: data.scope,
    next: Math.max(part?.next ?? 0, data.next),
    calendars: known || calendars.length >= MAX_CALENDARS ? calendars : [...calendars, data.calendar],
  };
}

/** Keeps the count when a record cannot be applied, because a count without one measurement is better than no count. */
const countedBefore = (): undefined => undefined;

function levelsTopic(): TopicEvolve<TallyPart | OpenPart | ProbePart> {
  const parse = parsedOnce<unknown>(dataOf);
  return {
    part: 'level',
    keys(record) {
      const type = typeOf(record);
      if (!KNOWN.has(type)) return [];
      if (type === 'pa.probe-reported.v1') return [PROBE_ID];
      const data = parse(record) as ServiceLevelStarted | ServiceLevelMeasured;
      return [
        openId(data.scope),
        ...('days' in data ? data.days.map((d) => tallyId(d.objective, d.day, data.scope)) : []),
      ];
    },
    evolve(part, record, key) {
      const type = typeOf(record);
      if (type === 'pa.probe-reported.v1') {
        const report = parse(record) as ProbeReported;
        const before = part as ProbePart | undefined;
        if (before !== undefined && report.at < before.at) return undefined;
        const lastSuccess = report.ok ? report.at : before?.lastSuccess;
        return { ...report, ...(lastSuccess !== undefined && { lastSuccess }) };
      }
      if (type === 'pa.service-level-started.v1')
        return started(part as OpenPart | undefined, parse(record) as ServiceLevelStarted);
      const data = parse(record) as ServiceLevelMeasured;
      return key === openId(data.scope)
        ? closed(part as OpenPart | undefined, data)
        : counted(part as TallyPart | undefined, data, key);
    },
    failed: countedBefore,
  };
}

const AUTHORIZATION_CHANGED = 'payer.prior-authorization-changed.v1';
/** False if the data of an event certainly has no claim, so that most dead letters need no parse. */
const mayBeClaim = (data: Buffer): boolean => data.includes('"ExplanationOfBenefit"') || data.includes(String.raw`\u`);

/** The claim or prior authorization in a dead letter; undefined for history and any other event. */
function deadLetterClaim(record: LogRecord): { objective: Objective; start: number } | undefined {
  const { headers, value: encoded } = dataOf<EventParked>(record);
  const value = Buffer.from(encoded, 'base64');
  const type = typeOf({ headers });
  if (type !== undefined && type !== AUTHORIZATION_CHANGED && !mayBeClaim(value)) return undefined;
  const decoded = decodeEvent({ headers, value });
  if (!decoded.ok) return undefined;
  const { resource } = (decoded.event.data ?? {}) as { resource?: { resourceType?: unknown } };
  const objective =
    decoded.event.type === AUTHORIZATION_CHANGED
      ? 'prior-authorization-visible'
      : typeof resource?.resourceType === 'string'
        ? objectiveOf(resource as { resourceType: string })
        : undefined;
  const start = Date.parse(decoded.event.time);
  return objective === undefined || isHistory(start, record.timestamp) ? undefined : { objective, start };
}

const deadLetterEvolve: TopicEvolve<DeadLetterPart> = {
  part: 'parked',
  failed: countedBefore,
  keys: (record) =>
    ['pa.event-parked.v1', 'pa.dead-letter-replayed.v1', 'pa.dead-letter-discarded.v1'].includes(typeOf(record) ?? '')
      ? [`parked/${record.key}`]
      : [],
  evolve(part, record) {
    if (typeOf(record) !== 'pa.event-parked.v1') return part === undefined ? undefined : { ...part, state: 'closed' };
    // A redelivery makes no second dead letter. The first one stays, whether it is open or closed.
    const claim = part === undefined ? deadLetterClaim(record) : undefined;
    return claim && { state: 'open', ...claim };
  },
};

/**
 * The service levels: tallies by objective, day and scope, open requests, and the last run of the probe. The
 * attribution service keeps this view for `GET /ops/slo` and the gauges. Its topic has unlimited retention.
 */
export const serviceLevels: Projection = {
  owner: 'audit',
  name: 'service-levels',
  version: 2,
  topics: { [PA_SERVICE_LEVELS]: levelsTopic(), [deadLetterTopic(PAYER_MEMBER_EVENTS)]: deadLetterEvolve },
  lingerMs: 100,
  commitMs: 100,
  indexes: [
    { name: 'by_day', fields: ['level.objective', 'level.day'] },
    { name: 'by_state', fields: ['level.state'] },
    { name: 'by_parked', fields: ['parked.state'] },
  ],
};
