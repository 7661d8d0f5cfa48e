import {
  Backlog,
  type Batch,
  type EventLog,
  type NewRecord,
  type SubscribeOptions,
  type Subscription,
} from '@provider-access/engines/log';
import { type Metrics, shared } from '@provider-access/service/observability';
import { overlay } from './tracing/overlay.ts';

interface Group {
  readonly group: string;
  readonly topics: readonly string[];
  readonly backlog: Backlog;
}
interface Lag {
  readonly topic: string;
  readonly group: string;
  readonly records: number;
  readonly since: number | undefined;
}

/**
 * A log that measures its traffic: records appended, batches handled, and the lag of each group that was subscribed
 * here, over all partitions and whichever process handles them. A scrape computes the lag; appends and handlers never
 * do.
 */
export function measureLog(log: EventLog, metrics: Metrics): EventLog {
  if (!metrics.enabled) return log;
  const groups = new Map<Subscription, Group>();
  const lag = shared(() => lagOf(log, [...groups.values()]));
  const ends = [
    metrics.read('pa_log_lag_records', async () =>
      (await lag()).map(({ topic, group, records }) => ({ labels: { topic, group }, value: records })),
    ),
    metrics.read('pa_log_oldest_unhandled_seconds', async () =>
      (await lag()).map(({ topic, group, since }) => ({
        labels: { topic, group },
        value: since === undefined ? 0 : Math.max(0, Date.now() - since) / 1000,
      })),
    ),
  ];

  const written = new Set<string>();
  const append = async (topic: string, records: readonly NewRecord[]): ReturnType<EventLog['append']> => {
    // The series exists from the first call, so that a first failure is an increase.
    if (!written.has(topic)) metrics.zero('pa_log_append_failures_total', { topic });
    written.add(topic);
    try {
      const appended = await log.append(topic, records);
      metrics.count('pa_log_appended_total', { topic }, records.length);
      return appended;
    } catch (error) {
      metrics.count('pa_log_append_failures_total', { topic });
      throw error;
    }
  };
  const subscribe = async (options: SubscribeOptions): Promise<Subscription> => {
    const { group, topics } = options;
    for (const topic of topics) metrics.zero('pa_log_handle_failures_total', { topic, group });
    const handle = async (batch: Batch): Promise<void> => {
      const labels = { topic: batch.topic, group };
      const began = performance.now();
      try {
        await options.handle(batch);
      } catch (error) {
        metrics.count('pa_log_handle_failures_total', labels);
        throw error;
      }
      metrics.record('pa_log_handle_duration_seconds', labels, (performance.now() - began) / 1000);
      metrics.count('pa_log_handled_total', labels, batch.records.length);
    };
    const subscription = await log.subscribe({ ...options, handle });
    const own = overlay(subscription, {
      stop: async () => {
        groups.delete(own);
        await subscription.stop();
      },
    });
    groups.set(own, { group, topics, backlog: new Backlog(log) });
    return own;
  };
  const close = (): Promise<void> => {
    for (const end of ends) end();
    return log.close();
  };
  return overlay(log, { append, subscribe, close });
}

async function lagOf(log: EventLog, groups: readonly Group[]): Promise<readonly Lag[]> {
  const head = await log.head([...new Set(groups.flatMap(({ topics }) => topics))]);
  const lags = groups.map(async ({ group, topics, backlog }) => {
    const committed = await log.committed(group, topics);
    return Promise.all(
      topics.map(async (topic) => ({ topic, group, ...(await backlog.behind(topic, committed, head)) })),
    );
  });
  return (await Promise.all(lags)).flat();
}
