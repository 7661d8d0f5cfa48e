import type { Metrics } from '@provider-access/observability';
import type { ProjectionSet } from '@provider-access/views';

/**
 * `pa_view_lag_records{view, topic}`: records between where the view stands and the head of its topic, over all partitions and
 * whichever instance handles them. Absent while log or store cannot be asked.
 */
export function measureViews(metrics: Metrics, projections: ProjectionSet): void {
  metrics.read('pa_view_lag_records', async () => (await projections.lag()).map(({ view, topic, behind }) => ({ labels: { view, topic }, value: behind })));
}
