import type { Objective, ProbeReported } from '@provider-access/events';
import type { Open, ProbePart } from '@provider-access/levels';
import type { BusinessCalendar } from '@provider-access/domain/pdex/service-levels';
import { instant } from '@provider-access/kernel';

/** `failing`: it runs, and the last test of it failed. */
export const PART_STATES = ['available', 'failing', 'not-available'] as const;
export type PartState = (typeof PART_STATES)[number];
export const PARTS = ['tokens', 'reads', 'exports'] as const;
export type Part = (typeof PARTS)[number];
export const DATA_STATES = ['fresh', 'late', 'quiet', 'none', 'unknown'] as const;

/** What `/status` says. Times are RFC 3339. */
export interface Status {
  /** When the platform was looked at. */
  readonly at: string;
  /** The worst of all parts. */
  readonly status: PartState;
  readonly parts: Readonly<Record<Part, PartState>>;
  readonly data: { readonly status: (typeof DATA_STATES)[number]; readonly since?: string };
  /** The last run of the probe, and the last one that passed. */
  readonly tested?: { readonly at: string; readonly passed: boolean; readonly lastPassed?: string };
}

/** What the platform has recorded of itself. Undefined: it could not be read. */
export interface Recorded {
  /** Whether this process is ready. */
  readonly ready: boolean | undefined;
  /** The services that have a process. */
  readonly services: ReadonlySet<string> | undefined;
  readonly levels:
    | {
        readonly probe: ProbePart | undefined;
        readonly started: readonly Open[];
        /** The newest event of all feeds, ms. */
        readonly newest: number | undefined;
      }
    | undefined;
}

/** An older run says nothing of now, ms. The alert `ProbeFailing` waits as long. */
export const PROBE_COUNTS_MS = 30 * 60_000;
const HOUR_MS = 3_600_000;
/** Which part a step of the probe tests. The others test the probe itself, or what providers do not see. */
const TESTS: Readonly<Partial<Record<NonNullable<ProbeReported['failed']>, Part>>> = {
  discovery: 'tokens',
  token: 'tokens',
  group: 'reads',
  member: 'reads',
  search: 'reads',
  'kick-off': 'exports',
  status: 'exports',
  download: 'exports',
};
const OF_DATA: ReadonlySet<Objective> = new Set(['claims-visible', 'prior-authorization-visible']);

/** @param now ms */
export function statusOf({ ready, services, levels }: Recorded, now: number, calendar: BusinessCalendar): Status {
  const run = (...names: readonly string[]): boolean => names.every((name) => services?.has(name) === true);
  const answers: Readonly<Record<Part, boolean>> = {
    tokens: ready === true && run('auth'),
    reads: levels !== undefined && run('resources', 'attribution'),
    exports: levels !== undefined && run('export'),
  };
  const probe = levels?.probe;
  const failed = probe?.failed === undefined || !isRecent(probe, now) ? undefined : TESTS[probe.failed];
  const state = (part: Part): PartState =>
    !answers[part] ? 'not-available' : part === failed ? 'failing' : 'available';
  const parts = { tokens: state('tokens'), reads: state('reads'), exports: state('exports') };
  return {
    at: instant(now),
    status: PART_STATES.findLast((worst) => PARTS.some((part) => parts[part] === worst)) ?? 'available',
    parts,
    data: dataOf(levels, now, calendar),
    ...(probe !== undefined && {
      tested: {
        at: probe.at,
        passed: probe.ok,
        ...(probe.lastSuccess !== undefined && { lastPassed: probe.lastSuccess }),
      },
    }),
  };
}

const isRecent = ({ at }: ProbePart, now: number): boolean => now - Date.parse(at) <= PROBE_COUNTS_MS;

/** Times are those of hours, because an exact one is that of a single event. */
const hour = (ms: number): string => instant(Math.floor(ms / HOUR_MS) * HOUR_MS);

function dataOf(levels: Recorded['levels'], now: number, calendar: BusinessCalendar): Status['data'] {
  if (levels === undefined) return { status: 'unknown' };
  const due = levels.started
    .filter(({ objective }) => OF_DATA.has(objective))
    .reduce((first, { start }) => Math.min(first, calendar.deadline(start)), Infinity);
  if (due < now) return { status: 'late', since: hour(due) };
  const { newest } = levels;
  if (newest === undefined) return { status: 'none' };
  return calendar.deadline(newest) < now ? { status: 'quiet', since: hour(newest) } : { status: 'fresh' };
}
