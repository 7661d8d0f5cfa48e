import { alertName, type AlertRule, ALERTS, conditionOf, type Sample, summaryOf } from '@provider-access/domain/alerts';
import { type Metrics, shared } from '@provider-access/service/observability';
import { z } from 'zod';

/** What one process says of an alert by one look at its own metrics. */
export const ALERT_STATES = {
  holds: 'Its condition holds now.',
  quiet: 'Its condition does not hold now.',
  'not-measured': 'This process measures nothing that the condition reads.',
  'ask-prometheus': 'Its condition looks back over time, so only Prometheus knows.',
} as const;
export const ALERT_NOW = z.object({
  alert: z.string(),
  severity: z.enum(['page', 'ticket']),
  state: z.enum(Object.keys(ALERT_STATES) as [keyof typeof ALERT_STATES]),
  for: z.string(),
  runbook: z.string(),
  found: z.array(z.string()),
});
export type AlertNow = z.infer<typeof ALERT_NOW>;

/** Most sentences of one alert. */
const MOST_FOUND = 20;
/** For how long callers share an answer, ms: reading some gauges asks an engine. */
const SHARED_MS = 2000;
const shares = new WeakMap<object, () => Promise<readonly AlertNow[]>>();

/** The alerts of the platform, in the order of their groups. The services of one process share the work. */
export function alertsNow(metrics: Metrics): Promise<readonly AlertNow[]> {
  const { registry } = metrics;
  let ask = shares.get(registry);
  if (ask === undefined) shares.set(registry, (ask = shared(() => look(metrics), SHARED_MS)));
  return ask();
}

async function look(metrics: Metrics): Promise<readonly AlertNow[]> {
  const names = [...new Set(ALERTS.flatMap((alert) => conditionOf(alert)?.metrics ?? []))];
  const read = await Promise.all(names.map(async (name) => [name, await metrics.samples(name)] as const));
  const samples = new Map<string, readonly Sample[]>(read);
  return ALERTS.map((alert) => stateOf(alert, (name) => samples.get(name) ?? []));
}

function stateOf(alert: AlertRule, measured: (name: string) => readonly Sample[]): AlertNow {
  const name = alertName(alert);
  const common = { alert: name, severity: alert.severity, for: alert.for, runbook: `/docs/runbooks/${name}.html` };
  const condition = conditionOf(alert);
  if (condition === undefined) return { ...common, state: 'ask-prometheus', found: [] };
  if (condition.metrics.every((metric) => measured(metric).length === 0))
    return { ...common, state: 'not-measured', found: [] };
  const found = condition.holds(measured).map((sample) => summaryOf(alert, sample));
  return { ...common, state: found.length > 0 ? 'holds' : 'quiet', found: found.slice(0, MOST_FOUND) };
}
