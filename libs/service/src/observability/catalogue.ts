import type { LabelValues, OTHER } from './labels.ts';
import * as label from './labels.ts';

/**
 * Every metric of the platform: name, type, help, labels. Nothing else can be measured (`Metrics` takes these names
 * only), so dashboards, alerts and runbooks can be checked against this table. Labels are closed sets or patterns of
 * code (`labels.ts`), never a member, a client, a job or a URL: cardinality is bounded by construction. Names:
 * https://prometheus.io/docs/practices/naming/ (base units, `_total` for counters).
 */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** What each label may be. */
  readonly values: Readonly<Record<string, LabelValues>>;
  /** Upper bounds of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
}

type Values = Readonly<Record<string, LabelValues>>;
interface Defined<T extends MetricDefinition['type'], V extends Values> extends MetricDefinition {
  readonly type: T;
  readonly values: V;
}

const defined =
  <T extends MetricDefinition['type']>(type: T) =>
  <const V extends Values>(help: string, values: V, buckets?: readonly number[]): Defined<T, V> => ({
    type,
    help,
    labels: Object.keys(values),
    values,
    ...(buckets !== undefined && { buckets }),
  });
const counter = defined('counter');
const gauge = defined('gauge');
const histogram = defined('histogram');

const REQUEST_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];
const EFFECT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30];
const HOURS_SECONDS = [1, 10, 60, 600, 3600, 4 * 3600, 24 * 3600, 72 * 3600];

export const METRICS = {
  // Rate, errors, duration
  http_server_request_duration_seconds: histogram(
    'Duration of requests',
    { service: label.SERVICE, method: label.METHOD, route: label.ROUTE, status: label.STATUS },
    REQUEST_SECONDS,
  ),
  http_server_active_requests: gauge('Requests that are being answered', { service: label.SERVICE }),
  // The log
  pa_log_appended_total: counter('Records appended', { topic: label.TOPIC }),
  pa_log_append_failures_total: counter('Calls of append that failed', { topic: label.TOPIC }),
  pa_log_handled_total: counter('Records handled by a consumer group in this process', {
    topic: label.TOPIC,
    group: label.GROUP,
  }),
  pa_log_handle_failures_total: counter('Batches that a consumer group could not handle: they come again', {
    topic: label.TOPIC,
    group: label.GROUP,
  }),
  pa_log_handle_duration_seconds: histogram(
    'Duration of one batch of a consumer group',
    { topic: label.TOPIC, group: label.GROUP },
    REQUEST_SECONDS,
  ),
  pa_log_lag_records: gauge('Records between the committed offsets of a group and the head, over all partitions', {
    topic: label.TOPIC,
    group: label.GROUP,
  }),
  pa_log_oldest_unhandled_seconds: gauge(
    'Age of the oldest record that a group has not handled; 0 when it has handled all',
    { topic: label.TOPIC, group: label.GROUP },
  ),
  // Views
  pa_view_lag_records: gauge('Records between where a view stands and the head of its topic, over all partitions', {
    view: label.VIEW,
    topic: label.TOPIC,
  }),
  pa_notices_overdue: gauge(
    'Notices about Provider Access that members should have got before today. A count ends at about 1,000, and is ' +
      'kept for a minute or longer',
    {},
  ),
  pa_view_freshness_seconds: gauge(
    'Age of the oldest record that a view does not show, because it is behind or passed over it; 0 when it shows all',
    { view: label.VIEW, topic: label.TOPIC },
  ),
  pa_view_builds: gauge('Builds of a view that are kept up to date: 2 while one is built beside the live one', {
    view: label.VIEW,
  }),
  pa_facts_age_seconds: gauge('How far behind the facts may be that this process decides with', {
    service: label.SERVICE,
  }),
  pa_facts_unreadable_records: gauge(
    'Records of the platform that this process could not read into the facts it keeps in memory: whom they concern ' +
      'is denied',
    { service: label.SERVICE },
  ),
  // Intake
  pa_intake_events_total: counter('Payer events by what became of them', {
    service: label.SERVICE,
    outcome: label.INTAKE_OUTCOME,
  }),
  pa_intake_unresolved_references_total: counter(
    'Conditional references, and attachments whose URL leads nowhere, in resources that were recorded',
    { service: label.SERVICE },
  ),
  pa_prior_authorizations_retired_total: counter(
    'Prior authorizations for which a delete was published, because their retention was over',
    {},
  ),
  pa_dead_letters_open: gauge('Parked payer events that wait for a person, by who could not take them', {
    topic: label.TOPIC,
    service: label.SERVICE,
  }),
  // Exports
  pa_export_jobs: gauge('Exports by state, over all processes', { state: label.EXPORT_STATE }),
  pa_export_oldest_seconds: gauge('Age of the oldest export in a state; 0 when there is none', {
    state: label.EXPORT_STATE,
  }),
  pa_export_chunks: gauge('Chunks by state, over all processes', { state: label.CHUNK_STATE }),
  pa_export_storage_full: gauge('1 while the last write of this process found the file storage full', {}),
  pa_export_jobs_total: counter('Exports that ended, by outcome', { outcome: label.EXPORT_OUTCOME }),
  pa_export_refusals_total: counter('Kick-offs answered with 429, by the limit that a client had reached', {
    limit: label.EXPORT_LIMIT,
  }),
  pa_export_chunks_total: counter('Chunks that were worked on, by outcome', { outcome: label.CHUNK_OUTCOME }),
  pa_export_duration_seconds: histogram('From kick-off to complete', { outcome: label.EXPORT_OUTCOME }, HOURS_SECONDS),
  pa_export_written_resources_total: counter('Resources written to part files', {}),
  pa_export_written_bytes_total: counter('Compressed bytes written to part files', {}),
  pa_export_downloaded_bytes_total: counter('Bytes of export files that were sent', {}),
  // Matches
  pa_match_guesses_total: counter(
    'Searches for a member without a match whose demographics were near to those of another such search of the app',
    {},
  ),
  pa_match_suspensions_total: counter('Apps for which the match was suspended, because they guessed', {}),
  // Access
  pa_tokens_issued_total: counter('Access tokens issued', {}),
  pa_token_refusals_total: counter('Token requests refused', { reason: label.TOKEN_REASON }),
  pa_registrations_waiting: gauge('Registrations without an approval, when this process last changed them', {}),
  pa_registrations_dropped_total: counter(
    'Registrations that left without an approval: expired, or displaced by newer ones',
    { reason: label.DROPPED_REGISTRATION },
  ),
  pa_disclosures_total: counter('Releases, by what was asked for; each is in pa.audit before its last byte leaves', {
    kind: label.ACTION,
  }),
  pa_refusals_total: counter('Refusals that were recorded in pa.audit', { reason: label.REFUSAL }),
  pa_unauthenticated_requests_total: counter('Requests without a valid token, on any route that needs one', {
    service: label.SERVICE,
    reason: label.UNAUTHENTICATED,
  }),
  pa_opt_out_effect_seconds: histogram(
    'From the acceptance of an opt-out to its effect in every process',
    {},
    EFFECT_SECONDS,
  ),
  pa_access_decisions_total: counter('Decisions whether a client may see a member, by outcome', {
    purpose: label.PURPOSE,
    outcome: label.DECISION,
  }),
  pa_access_held_sources: gauge(
    'Sources of the payer whose members are all denied, because of a parked event that names no member',
    {},
  ),
  pa_cache_requests_total: counter('Look-ups in a cache', { cache: label.CACHE, result: label.CACHE_RESULT }),
  // Service levels
  pa_slo_total: counter('Requests and events that a service level was measured for', {
    objective: label.OBJECTIVE,
    result: label.OBJECTIVE_RESULT,
  }),
  pa_slo_duration_seconds: histogram('From the start of a service level to its end', { objective: label.OBJECTIVE }, [
    ...EFFECT_SECONDS,
    60,
    600,
    ...HOURS_SECONDS.slice(4),
  ]),
  pa_slo_pending: gauge('Requests and events whose service level is still open', { objective: label.OBJECTIVE }),
  pa_slo_oldest_elapsed_ratio: gauge('Share of its time that the oldest open one has used: 1 is the deadline', {
    objective: label.OBJECTIVE,
  }),
  pa_feed_silence_ratio: gauge(
    'Time since the newest event of a feed in EXPECTED_FEEDS as a share of the time that is expected: 1 is the limit',
    { source: label.FEED_SOURCE, type: label.FEED_TYPE },
  ),
  // The synthetic probe
  pa_probe_runs_total: counter('Runs of the probe by the step that failed, or `none`', {
    result: label.PROBE_RESULT,
    step: label.PROBE_STEP,
  }),
  pa_probe_last_success_timestamp_seconds: gauge(
    'When the probe last took every step of a provider, seconds since the epoch',
    {},
  ),
  pa_probe_step_duration_seconds: gauge('Duration of a step in the last run of the probe', { step: label.PROBE_STEP }),
  // The process
  pa_engine_reachable: gauge('1 while the engine answers', { engine: label.ENGINE }),
  pa_disk_free_bytes: gauge(
    'Free bytes of the disk that holds a folder of this process: the data folder of npm start, or files of exports ' +
      '(FILES=fs)',
    { folder: label.FOLDER },
  ),
  pa_disk_kept_free_bytes: gauge('Free bytes below which the process is not ready (data) or exports wait (files)', {
    folder: label.FOLDER,
  }),
  pa_memory_limit_bytes: gauge('Memory that the process may have (its control group); absent without a limit', {}),
  pa_build_info: gauge('Always 1; the labels say what runs', { service: label.SERVICE, version: label.VERSION }),
} satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;
type Named<T extends MetricDefinition['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never;
}[MetricName];
export type CounterName = Named<'counter'>;
export type GaugeName = Named<'gauge'>;
export type HistogramName = Named<'histogram'>;

type ValueOf<V> = V extends readonly (infer T)[] ? T | typeof OTHER : string;
type ValuesOf<N extends MetricName> = (typeof METRICS)[N]['values'];
/** The labels of a metric, each with the values of the table, or `other`. Nothing else is cast into one (lint). */
export type LabelsOf<N extends MetricName> = { readonly [L in keyof ValuesOf<N>]: ValueOf<ValuesOf<N>[L]> };
