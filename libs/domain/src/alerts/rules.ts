/**
 * `page` wakes somebody: providers or members lack something now, or a service level is about to be missed. `ticket`
 * waits for the next working day. A condition that needs no person is no alert.
 */
type Severity = 'page' | 'ticket';

/** Writes a selector of one metric within the release that is watched: `of('pa_x', 'topic="t"')`. */
export type Of = (metric: string, matchers?: string) => string;

export interface AlertRule {
  /** Without the common prefix; the runbook is `docs/runbooks/<prefix><name>.md`. */
  readonly name: string;
  readonly severity: Severity;
  /** How long the condition must hold before somebody is notified, in Prometheus' notation. */
  readonly for: string;
  /** How long the alert stays on after the condition ended, where a short recovery must not end it. */
  readonly keepFiringFor?: string;
  readonly expr: (of: Of) => string;
  /** One line, with Prometheus' templates. */
  readonly summary: string;
  /** What it means to people, and what happens if nobody acts. */
  readonly description: string;
  /** Why it deserves a notification, and why at this value: for the table in docs/watching.md. */
  readonly why: string;
  /** More general faults that explain this one. Alertmanager then sends only the general one. */
  readonly follows?: readonly string[];
  /** Measured by another program (kube-state-metrics). Without it the alert never fires. */
  readonly optional?: string;
}

/** A series that dashboards and alerts share. Named `level:metric:operations`. */
interface RecordingRule {
  readonly record: string;
  /** What it records. */
  readonly labels: readonly string[];
  readonly expr: (of: Of) => string;
}

/** One file `<name>.yaml`, one group. */
export interface RuleGroup {
  readonly name: string;
  readonly recordings?: readonly RecordingRule[];
  readonly alerts: readonly AlertRule[];
}

export const PREFIX = 'ProviderAccess';
export const alertName = (alert: Pick<AlertRule, 'name'>): string => `${PREFIX}${alert.name}`;

/**
 * The matcher that the chart replaces with the release's namespace. It matches everything, also series without the
 * label, so the files are valid unchanged wherever only one release is watched.
 */
const RELEASE = 'namespace=~".*"';
/** @public The chart replaces this with the address of the runbooks. `tools/watch` writes it. */
export const RUNBOOKS = 'https://runbooks.invalid/';

const selector =
  (release: string): Of =>
  (metric, matchers = '') =>
    `${metric}{${[release, matchers].filter((part) => part !== '').join(',')}}`;
/** @public `tools/watch` writes the rules of the chart with it. */
export const ofRelease: Of = selector(RELEASE);
/** @public The same for dashboards, where the release is a variable. `tools/watch` writes them. */
export const ofDashboard: Of = selector('namespace=~"$namespace"');
