import type { Subscription } from '@provider-access/engines/log';
import type { EngineProbe } from './engine-probe.ts';

/** ms. Longer than any rebalance, backoff or batch. */
const STUCK_MS = 5 * 60 * 1000;

export interface ProgressState {
  /** ms since the epoch */
  readonly now: number;
  readonly probes: readonly EngineProbe[];
  readonly running: readonly { readonly name: string; readonly subscription: Pick<Subscription, 'lastPoll'> }[];
  readonly stuckMs?: number;
}

/**
 * Tells why this process should be restarted: something that follows the log has not polled it for minutes, although
 * every engine answered all that time. While an engine is unreachable nothing is stuck, because a restart would not
 * help.
 */
export function stuckReason({ now, probes, running, stuckMs = STUCK_MS }: ProgressState): string | undefined {
  if (probes.some((probe) => probe.reachableFor() < stuckMs)) return undefined;
  const standing = running.find(({ subscription }) => now - subscription.lastPoll() > stuckMs);
  return standing === undefined
    ? undefined
    : `${standing.name} has not asked the log for ${Math.round((now - standing.subscription.lastPoll()) / 1000)} s`;
}
