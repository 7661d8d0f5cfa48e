/**
 * `page` wakes somebody: providers or members are without something now, or a service level is about to be missed.
 * `ticket` waits for the next working day. What needs no person is no alert.
 */
type Severity = 'page' | 'ticket';

/** Writes a selector of one metric within the release that is watched: `of('pa_x', 'topic="t"')`. */
export type Of = (metric: string, matchers?: string) => string;

export interface AlertRule {
  /** Without the common prefix; the runbook is `docs/runbooks/<prefix><name>.md`. */
  readonly name: string;
  readonly severity: Severity;
  /** As Prometheus writes durations: how long it must hold before somebody is told. */
  readonly for: string;
  /** Stays on so long after it was true, where a moment's good news must not end it. */
  readonly keepFiringFor?: string;
  readonly expr: (of: Of) => string;
  /** One line, with Prometheus' templates. */
  readonly summary: string;
  /** What it means to people, and what happens if nobody does anything. */
  readonly description: string;
  /** Why this is worth telling and why at this value: for the table in docs/watching.md. */
  readonly why: string;
  /** Comes with one of these more general faults, which says it all: Alertmanager need not tell both. */
  readonly follows?: readonly string[];
  /** Measured by what is not ours (kube-state-metrics): without it the alert never fires. */
  readonly optional?: string;
}

/** A series that dashboards and alerts share. Named `level:metric:operations`. */
interface RecordingRule {
  readonly record: string;
  /** What it keeps. */
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
 * label: the files are valid as they are, wherever only one release is watched.
 */
const RELEASE = 'namespace=~".*"';
/** What the chart replaces with the place of the runbooks. */
export const RUNBOOKS = 'https://runbooks.invalid/';

const selector =
  (release: string): Of =>
  (metric, matchers = '') =>
    `${metric}{${[release, matchers].filter((part) => part !== '').join(',')}}`;
export const ofRelease: Of = selector(RELEASE);
/** The same for dashboards, where the release is a variable. */
export const ofDashboard: Of = selector('namespace=~"$namespace"');
