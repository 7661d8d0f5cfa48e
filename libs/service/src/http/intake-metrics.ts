import type { OutcomeRow } from '@provider-access/engines/log';
import type { Service } from '@provider-access/events';
import type { Metrics } from '../observability/index.ts';

/** For `Derivation`: counts what became of the payer events that a service takes, once that is durable. */
export function countOutcomes(metrics: Metrics, service: Service): (outcomes: readonly OutcomeRow[]) => void {
  metrics.zero('pa_intake_events_total', { service });
  metrics.zero('pa_intake_unresolved_references_total', { service });
  return (outcomes) => {
    const counts = new Map<OutcomeRow['outcome'], number>();
    for (const { outcome } of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    for (const [outcome, n] of counts) metrics.count('pa_intake_events_total', { service, outcome }, n);
    // Events that came over Kafka have no receipt that would say it.
    const unresolved = outcomes.flatMap((row) => Object.values(row.unresolved ?? {})).reduce((sum, n) => sum + n, 0);
    if (unresolved > 0) metrics.count('pa_intake_unresolved_references_total', { service }, unresolved);
  };
}
