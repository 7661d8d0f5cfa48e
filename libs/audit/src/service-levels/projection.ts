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
import type { LogRecord } from '@provider-access/engines/log';
import { EMPTY_TALLY, objectiveOf, type Tally, tallied } from '@provider-access/domain/pdex/service-levels';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';

/** One objective, one local day of its starts, one scope: what was counted, and up to which offset. */
export interface TallyPart extends Tally {
  readonly objective: Objective;
  readonly day: string;
  readonly scope: string;
  readonly next: number;
  /** The calendars that it was measured with: one, unless the configuration changed on the way. */
  readonly calendars: readonly BusinessDays[];
}
/** What a scope has started and not measured: counts and the oldest start (ms) by batch. */
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
  /** When the probe last walked the whole road. */
  readonly lastSuccess?: string;
}
/** A claim that waits in the dead letters for a person: its time goes on. */
export interface ParkedPart {
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
/** More would be a configuration that changes all day. */
const MAX_CALENDARS = 20;
export const PROBE_ID = 'probe';
const openId = (scope: string): string => `open/${scope}`;
const tallyId = (objective: Objective, day: string, scope: string): string => `tally/${objective}/${day}/${scope}`;

function started(part: OpenPart | undefined, data: ServiceLevelStarted): OpenPart | undefined {
  // The start came again, and its claims were measured or are known.
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
  // Offsets before `next` are counted: a batch that is handled again, and with other boundaries, adds what is new in
  // it.
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

/** Keeps the count: one measurement less is less wrong than none. */
const countedBefore = (): undefined => undefined;

function levelsTopic(): TopicEvolve<TallyPart | OpenPart | ProbePart> {
  const parsed = new WeakMap<LogRecord, unknown>();
  const parse = (record: LogRecord): unknown => {
    let data = parsed.get(record);
    if (data === undefined) parsed.set(record, (data = dataOf(record)));
    return data;
  };
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

/** The claim or prior authorization in a dead letter; undefined for everything else. */
function parkedClaim(record: LogRecord): { objective: Objective; start: number } | undefined {
  const { headers, value } = dataOf<EventParked>(record);
  const decoded = decodeEvent({ headers, value: Buffer.from(value, 'base64') });
  if (!decoded.ok) return undefined;
  const { resource } = (decoded.event.data ?? {}) as { resource?: { resourceType?: unknown } };
  const objective =
    decoded.event.type === 'payer.prior-authorization-changed.v1'
      ? 'prior-authorization-visible'
      : typeof resource?.resourceType === 'string'
        ? objectiveOf(resource as { resourceType: string })
        : undefined;
  return objective && { objective, start: Date.parse(decoded.event.time) };
}

const parkedTopic: TopicEvolve<ParkedPart> = {
  part: 'parked',
  failed: countedBefore,
  keys: (record) =>
    ['pa.event-parked.v1', 'pa.dead-letter-replayed.v1', 'pa.dead-letter-discarded.v1'].includes(typeOf(record) ?? '')
      ? [`parked/${record.key}`]
      : [],
  evolve(part, record) {
    if (typeOf(record) !== 'pa.event-parked.v1') return part === undefined ? undefined : { ...part, state: 'closed' };
    // A redelivery makes no second dead letter: the first one stays, whatever its outcome was.
    const claim = part === undefined ? parkedClaim(record) : undefined;
    return claim && { state: 'open', ...claim };
  },
};

/**
 * The service levels, from facts that are kept for ever: tallies by objective, day and scope; what is open; the last
 * walk of the probe. Read by `GET /ops/slo` and for the gauges; run by attribution.
 */
export const serviceLevels: Projection = {
  owner: 'audit',
  name: 'service-levels',
  version: 1,
  topics: { [PA_SERVICE_LEVELS]: levelsTopic(), [deadLetterTopic(PAYER_MEMBER_EVENTS)]: parkedTopic },
  lingerMs: 100,
  indexes: [
    { name: 'by_day', fields: ['level.objective', 'level.day'] },
    { name: 'by_state', fields: ['level.state'] },
    { name: 'by_parked', fields: ['parked.state'] },
  ],
};
