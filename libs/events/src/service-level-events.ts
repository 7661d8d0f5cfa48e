import { z } from 'zod';
import { PROBE_STEPS } from './probe-steps.ts';

/**
 * pa.service-levels: what was asked of the platform and when it had done it, kept for ever, so that next month's report
 * says what this month's did (docs/service-levels.md). No members: places in the log, and ids of export jobs.
 */
export const OBJECTIVES = ['answered', 'claims-visible', 'prior-authorization-visible', 'opt-out-effective'] as const;
export type Objective = (typeof OBJECTIVES)[number];
const objective = z.enum(OBJECTIVES);
const instant = z.string();
/** ms since the epoch: there may be hundreds in an event. */
const epochMs = z.int();
/**
 * The scope that is counted together and in order: a partition of a topic (`payer.member-events/3`), or one export
 * (`export/<job>`). `from` and `next` are its offsets [from, next), of an export 0 and 1. They show what was measured
 * before, so that nothing is counted twice.
 */
const scope = { scope: z.string(), from: z.int(), next: z.int() };

/** A source of events and a type of resources. */
const feed = {
  /** CloudEvents `source`, or the name that stands for further ones. */
  source: z.string(),
  type: z.string(),
  /** The latest time that its events state. */
  newest: epochMs,
};
const serviceLevelStarted = z.object({
  ...scope,
  starts: z.array(z.object({ objective, offset: z.int(), at: epochMs })),
  /** Absent from what earlier builds wrote (ADR 0053). */
  feeds: z
    .array(
      z.object({
        ...feed,
        /** Times of the events that became a version, rounded down, and how many have the same. */
        times: z.array(z.tuple([epochMs, z.int().positive()])),
      }),
    )
    .optional(),
});
/** Rules of the payer's calendar that the results rest on; holidays only those between a start and the end. */
const businessDays = z.object({
  timeZone: z.string(),
  days: z.array(z.string()),
  holidays: z.array(z.string()),
});
const serviceLevelMeasured = z.object({
  ...scope,
  endedAt: instant,
  calendar: businessDays,
  /** By the local day of their start. Empty when a request needed no answer any more. */
  days: z.array(
    z.object({
      objective,
      day: z.string(),
      /** Offset, ms from start to end, 1 when the level was met. */
      items: z.array(z.tuple([z.int(), z.int().nonnegative(), z.union([z.literal(0), z.literal(1)])])),
    }),
  ),
  feeds: z
    .array(
      z.object({
        ...feed,
        /** By the local day of the events: ms from the event to visible, and how many took as long. */
        days: z.array(
          z.object({ day: z.string(), took: z.array(z.tuple([z.int().nonnegative(), z.int().positive()])) }),
        ),
      }),
    )
    .optional(),
});
export const probeReported = z.object({
  at: instant,
  ok: z.boolean(),
  failed: z.enum(PROBE_STEPS).optional(),
  steps: z
    .array(z.object({ step: z.enum(PROBE_STEPS), ok: z.boolean(), /** ms */ ms: z.int().nonnegative() }))
    .max(PROBE_STEPS.length),
});

export type ServiceLevelStarted = z.infer<typeof serviceLevelStarted>;
export type ServiceLevelMeasured = z.infer<typeof serviceLevelMeasured>;
export type StartedFeed = NonNullable<ServiceLevelStarted['feeds']>[number];
export type MeasuredFeed = NonNullable<ServiceLevelMeasured['feeds']>[number];
export type BusinessDays = z.infer<typeof businessDays>;
export type ProbeReported = z.infer<typeof probeReported>;

export const SERVICE_LEVEL_EVENTS = {
  'pa.service-level-started.v1': { topic: 'pa.service-levels', schema: serviceLevelStarted },
  'pa.service-level-measured.v1': { topic: 'pa.service-levels', schema: serviceLevelMeasured },
  'pa.probe-reported.v1': { topic: 'pa.service-levels', schema: probeReported },
} as const satisfies Record<string, { topic: string; schema: z.ZodType }>;
