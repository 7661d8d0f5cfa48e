import { type Metrics, shared } from '../observability/index.ts';
import type { ProjectionSet, Views } from '@provider-access/engines/views';

/**
 * How far each view is behind: the records between its position and the head of its topic, over all partitions and
 * whichever instance handles them, and the age of the oldest. Absent while the log or the store cannot be asked.
 */
export function measureViews(metrics: Metrics, projections: ProjectionSet): void {
  const lag = shared(() => projections.lag());
  metrics.read('pa_view_lag_records', async () =>
    (await lag()).map(({ view, topic, behind }) => ({ labels: { view, topic }, value: behind })),
  );
  metrics.read('pa_view_freshness_seconds', async () =>
    (await lag()).map(({ view, topic, since }) => ({
      labels: { view, topic },
      value: since === undefined ? 0 : Math.max(0, Date.now() - since) / 1000,
    })),
  );
  metrics.read('pa_view_builds', async () =>
    (await projections.builds()).map(({ view, builds }) => ({ labels: { view }, value: builds })),
  );
}

/** Look-ups in what the view store keeps decoded. */
export function measureDecoded(metrics: Metrics, views: Views): void {
  if (metrics.enabled)
    views.store.looked = (kept) =>
      metrics.count('pa_cache_requests_total', { cache: 'view-document', result: kept ? 'hit' : 'miss' });
}
