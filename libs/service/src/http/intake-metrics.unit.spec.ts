import { Metrics } from '../observability/index.ts';
import { expect, it } from 'vitest';
import { countOutcomes } from './intake-metrics.ts';

it('counts events by outcome, and conditional references with or without a receipt', async () => {
  const metrics = new Metrics();
  const done = countOutcomes(metrics, 'resources');
  // There from the start, so that the first one is an increase.
  expect(await metrics.text()).toContain('pa_intake_unresolved_references_total{service="resources"} 0');
  const unresolved = {
    'Encounter.location.location -> Location': 2,
    'Encounter.participant.individual -> Practitioner': 1,
  };
  done([
    { event: 'a', outcome: 'recorded', unresolved },
    { event: 'b', outcome: 'recorded', receipt: 'r', unresolved: { 'Condition.asserter -> Practitioner': 4 } },
    { event: 'c', outcome: 'superseded' },
  ]);
  const text = await metrics.text();
  expect(text).toContain('pa_intake_events_total{service="resources",outcome="recorded"} 2');
  expect(text).toContain('pa_intake_events_total{service="resources",outcome="superseded"} 1');
  expect(text).toContain('pa_intake_unresolved_references_total{service="resources"} 7');
});
