import { ALERTS, GROUPS, namesIn, ofRelease, type AlertRule } from '@provider-access/watch';

const recordings = new Map(GROUPS.flatMap(({ recordings: some = [] }) => some).map((rule) => [rule.record, rule]));

/** Metrics that a rule reads, those of its recording rules included, by name. */
export function metricsOf({ expr }: Pick<AlertRule, 'expr'>): readonly string[] {
  const read = namesIn(expr(ofRelease)).selectors.flatMap(({ metric }) => {
    const recording = recordings.get(metric);
    return recording === undefined ? [metric] : metricsOf(recording);
  });
  return [...new Set(read)].sort();
}

/** Every metric that an alert reads. */
export const knownNames: ReadonlySet<string> = new Set(ALERTS.flatMap(metricsOf));
