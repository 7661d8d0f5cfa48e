import { Controller, Inject, type Type } from '@nestjs/common';
import { ProjectionSet } from '@provider-access/engines/views';
import { JSON_TYPE, PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import { shared } from '@provider-access/service/observability';
import { type Answer, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { ALERT_NOW, ALERT_STATES, alertsNow } from './alerts-now.ts';
import { outcomeOf } from './process-routes.ts';
import { RELEASE } from './release.ts';

/** The checks of the engines of the process. The process adds them to the list when it serves. */
export const ENGINE_CHECKS = Symbol('EngineChecks');

const lag = { topic: z.string(), records: z.number(), seconds: z.number().optional() };
const HEALTH = z.object({
  service: z.string(),
  version: z.string(),
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ready: z.boolean(), detail: z.string().optional() })),
  groups: z.array(z.object({ group: z.string(), ...lag })),
  views: z.array(z.object({ view: z.string(), ...lag })),
  alerts: z.array(ALERT_NOW),
});

const operationOn = (service: string) =>
  operation({
    route: `GET /ops/health/${service}`,
    callers: ['operator'],
    tag: 'Operations',
    parameters: { service: 'The service.' },
    summary: 'Say what is unhealthy in a service, and which runbook cures it',
    description:
      'One process of the service answers: its checks, how far its consumer groups and views are behind, and each ' +
      'alert of the platform as its own metrics have it now. The answer is 200 if the service is not ready, too. ' +
      `States of an alert: ${Object.entries(ALERT_STATES)
        .map(([name, text]) => `\`${name}\`: ${text}`)
        .join(' ')} \`for\` is how long it must hold before Prometheus notifies somebody.`,
    answer: { description: 'The health of the service.', type: JSON_TYPE, schema: HEALTH },
  });

/** The controller of the health of a service. Everybody who may not see it is refused before any check runs. */
export function healthController(service: string): Type<unknown> {
  @Controller()
  class HealthController {
    private readonly lagOfViews: () => ReturnType<ProjectionSet['lag']>;

    constructor(
      @Inject(PORTS) private readonly ports: ServicePorts,
      @Inject(READINESS) private readonly own: readonly ReadinessCheck[],
      @Inject(ENGINE_CHECKS) private readonly engines: readonly ReadinessCheck[],
      @Inject(ProjectionSet) projections: ProjectionSet,
    ) {
      this.lagOfViews = shared(() => projections.lag());
    }

    @Operation(operationOn(service))
    async health(): Promise<Answer> {
      const { metrics } = this.ports;
      const [checks, records, ages, views, alerts] = await Promise.all([
        Promise.all([...this.engines, ...this.own].map(async (one) => ({ name: one.name, ...(await outcomeOf(one)) }))),
        metrics.samples('pa_log_lag_records'),
        metrics.samples('pa_log_oldest_unhandled_seconds'),
        // While the log or the store cannot be asked, nobody knows the lag, and a check says why.
        this.lagOfViews().catch(() => []),
        alertsNow(metrics),
      ]);
      const now = Date.now();
      const groups = records
        .filter(({ labels }) => labels['group']?.startsWith(`${service}-`) === true)
        .map(({ labels: { group, topic }, value }) => {
          const age = ages.find(({ labels }) => labels['group'] === group && labels['topic'] === topic);
          return { group: group!, topic: topic!, records: value, ...(age !== undefined && { seconds: age.value }) };
        });
      const health: z.infer<typeof HEALTH> = {
        service,
        version: RELEASE.version,
        ready: checks.every(({ ready }) => ready),
        checks,
        groups,
        views: views.map(({ view, topic, behind, since }) => ({
          ...{ view, topic, records: behind },
          seconds: since === undefined ? 0 : Math.max(0, now - since) / 1000,
        })),
        alerts: [...alerts],
      };
      return { json: health };
    }
  }
  return HealthController;
}
