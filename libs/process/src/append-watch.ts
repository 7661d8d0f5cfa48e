import { GAP_TYPE } from '@provider-access/events';
import { type Appended, EngineUnavailable, type EventLog, type NewRecord } from '@provider-access/engines/log';
import { within } from '@provider-access/kernel';
import type { ReadinessCheck } from '@provider-access/service/http';
import { overlay } from './tracing/overlay.ts';

export interface AppendWatchOptions {
  /** A topic that this process may append to. A probe goes there. */
  readonly topic: string;
  /** How long a readiness check waits for a probe, ms. Default 500. The probe itself continues. */
  readonly withinMs?: number;
  /** Monotonic, ms. Default performance.now. */
  readonly now?: () => number;
}
export interface AppendWatch<Log extends EventLog> {
  /** The log that records the outcome of each append. */
  readonly log: Log;
  /** Not ready while no append succeeds. */
  readonly check: ReadinessCheck;
}

/** Time between the end of a successful probe and the next one, ms. */
const REST_MS = 15_000;
/** Every reader skips it. */
const PROBE: NewRecord = { key: 'gap', partitionKey: 'gap', headers: { ce_type: GAP_TYPE }, value: '{}' };

/**
 * Tells readiness whether the log accepts appends, because a full disk and a partition without enough replicas still
 * answer reads. After an append that the engine refused, the next readiness check appends one empty record
 * (`pa.gap.v1`). The process is not ready until any append succeeds, so a process without traffic also becomes ready
 * again. While appends succeed, no probe is appended.
 */
export function watchAppends<Log extends EventLog>(
  log: Log,
  { topic, withinMs = 500, now = () => performance.now() }: AppendWatchOptions,
): AppendWatch<Log> {
  /** The engine's error for the last append, until an append succeeds. Its text has no data. */
  let refusal: string | undefined;
  let probing: Promise<void> | undefined;
  let provenAt = Number.NEGATIVE_INFINITY;

  const append = async (to: string, records: readonly NewRecord[]): Promise<readonly Appended[]> => {
    try {
      const appended = await log.append(to, records);
      if (records.length > 0) refusal = undefined;
      return appended;
    } catch (error) {
      if (error instanceof EngineUnavailable) refusal = error.message;
      throw error;
    }
  };
  const probe = async (): Promise<void> => {
    try {
      await append(topic, [PROBE]);
      provenAt = now();
    } catch (error) {
      refusal ??= error instanceof Error ? error.name : 'an unknown error';
    } finally {
      probing = undefined;
    }
  };
  const check = async (): Promise<{ ready: boolean; detail?: string }> => {
    // One partition may still fail after a probe succeeded, while the others accept appends.
    if (refusal === undefined || now() - provenAt < REST_MS) return { ready: true };
    probing ??= probe();
    const last = probing;
    await within(
      withinMs,
      () => last,
      () => undefined,
    );
    return refusal === undefined ? { ready: true } : { ready: false, detail: `nothing can be appended (${refusal})` };
  };
  return { log: overlay(log, { append }), check: { name: 'log', check } };
}
