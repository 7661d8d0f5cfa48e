import {
  Backlog,
  type Batch,
  type EventLog,
  type FollowOptions,
  type NewRecord,
  type Position,
  type SubscribeOptions,
  type Subscription,
} from '@provider-access/engines/log';
import { type Metrics, shared } from '@provider-access/service/observability';
import { overlay } from './tracing/overlay.ts';

/** A log that knows its subscriptions. They show whether the process makes progress. */
export interface WatchedLog extends EventLog {
  /** The running subscriptions. `name` is the group, or the topics that are followed. */
  running(): readonly { readonly name: string; readonly subscription: Subscription }[];
}

interface Running {
  readonly name: string;
  readonly topics: readonly string[];
  /** Of a group. */
  readonly backlog?: Backlog;
}
interface Lag {
  readonly topic: string;
  readonly group: string;
  readonly records: number;
  readonly since: number | undefined;
}

/**
 * Measures the traffic of the log: records appended, batches handled, and the lag of each group that was subscribed
 * here, over all partitions and whichever process handles them. A scrape computes the lag; appends and handlers never
 * do.
 */
export function watchLog(log: EventLog, metrics: Metrics): WatchedLog {
  const running = new Map<Subscription, Running>();
  const lag = shared(() => lagOf(log, running));
  metrics.read('pa_log_lag_records', async () =>
    (await lag()).map(({ topic, group, records }) => ({ labels: { topic, group }, value: records })),
  );
  metrics.read('pa_log_oldest_unhandled_seconds', async () =>
    (await lag()).map(({ topic, group, since }) => ({
      labels: { topic, group },
      value: since === undefined ? 0 : Math.max(0, Date.now() - since) / 1000,
    })),
  );

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
  const watched = (subscription: Subscription, how: Running): Subscription => {
    const own = overlay(subscription, {
      stop: async () => {
        running.delete(own);
        await subscription.stop();
      },
    });
    running.set(own, how);
    return own;
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
    return watched(subscription, { name: group, topics, backlog: new Backlog(log) });
  };
  return overlay(log, {
    append,
    subscribe,
    follow: async (options: FollowOptions) =>
      watched(await log.follow(options), { name: options.topics.join(' '), topics: options.topics }),
    running: () => [...running].map(([subscription, { name }]) => ({ name, subscription })),
  });
}

async function lagOf(log: EventLog, running: ReadonlyMap<Subscription, Running>): Promise<readonly Lag[]> {
  const groups = [...running].flatMap(([subscription, { name, topics, backlog }]) =>
    backlog ? [{ group: name, topics, backlog, subscription }] : [],
  );
  const head = await log.head([...new Set(groups.flatMap(({ topics }) => topics))]);
  const lags = groups.map(async ({ group, topics, backlog, subscription }) => {
    // A commit may wait. What this process itself has handled is known without it.
    const handled = furthest(await log.committed(group, topics), subscription.position());
    return Promise.all(
      topics.map(async (topic) => ({ topic, group, ...(await backlog.behind(topic, handled, head)) })),
    );
  });
  return (await Promise.all(lags)).flat();
}

const furthest = (committed: Position, own: Position): Position =>
  Object.fromEntries(
    Object.entries(committed).map(([topic, offsets]) => [
      topic,
      offsets.map((next, partition) => Math.max(next, own[topic]?.[partition] ?? 0)),
    ]),
  );
