import { type Audit, auditedQuery, SampledRefusals } from '@provider-access/audit';
import type { AuditEntry, Service } from '@provider-access/events';
import type { Refusal } from '@provider-access/kernel';
import type { FastifyRequest } from 'fastify';
import { isServedType } from '@provider-access/fhir';
import type { LabelsOf } from '@provider-access/service/observability';
import { formatOf, type ServicePorts } from '@provider-access/service/http';
import { addressBlock, type Authenticator } from '@provider-access/smart';

const MINUTE = 60_000;
/** The names of the parameters. A value that was refused may be anything, also the name of a person. */
function namesOf(url: string): Pick<AuditEntry, 'query'> {
  const { query } = auditedQuery(new URL(url, 'http://localhost').searchParams);
  return query === undefined
    ? {}
    : { query: [...new Set(query.split('&').map((part) => part.split('=')[0]))].join('&') };
}

type Unauthenticated = LabelsOf<'pa_unauthenticated_requests_total'>['reason'];

/**
 * Accounts for refused requests, in one place for all routes of a service.
 *
 * - An authenticated client whose request on a data route is refused with 400 or 403: `pa.audit` gets one record a
 *   minute for each client, action, reason and type, with their number. The first is durable before the answer. No
 *   member is named, because the service refused the request before it looked at any member.
 * - A person whose roles do not permit an operation: the same, for each person and operation.
 * - A request without a valid token: a metric counts it, and one line a minute in the log tells how many there were.
 *
 * Refusals that concern a member (404) are audited one by one where the decision is made.
 */
export class RefusedRequests {
  readonly #sampled: SampledRefusals;
  readonly #logged = new Map<Unauthenticated, { until: number; waiting: number }>();
  readonly #ports: Pick<ServicePorts, 'clock' | 'logger' | 'metrics'>;
  readonly #service: Service;
  readonly #authenticator: Authenticator | undefined;

  constructor(
    ports: Pick<ServicePorts, 'clock' | 'logger' | 'metrics'>,
    of: { readonly service: Service; readonly audit: Audit; readonly authenticator: Authenticator | undefined },
  ) {
    this.#ports = ports;
    this.#service = of.service;
    this.#authenticator = of.authenticator;
    this.#sampled = new SampledRefusals(of.audit, ports.clock);
    ports.metrics.zero('pa_unauthenticated_requests_total', { service: of.service });
  }

  start(): Promise<void> {
    this.#sampled.start();
    return Promise.resolve();
  }
  stop(): Promise<void> {
    return this.#sampled.stop();
  }

  refused(request: FastifyRequest, refusal: Refusal): Promise<void> | undefined {
    const unauthenticated = this.#unauthenticated(request, refusal);
    if (unauthenticated !== undefined) this.#count(unauthenticated, request);
    else if (refusal.kind === 'forbidden' && request.caller !== undefined)
      return this.#forbidden(request, request.caller.name, refusal);
    else if ((refusal.status === 400 || refusal.status === 403) && formatOf(request.url) === 'fhir')
      return this.#record(request, refusal);
    return undefined;
  }

  /** A person without the role for an operation (APPS.md P63). */
  #forbidden({ routeOptions }: FastifyRequest, client: string, { kind }: Refusal): Promise<void> {
    const { operation } = routeOptions.config;
    // An earlier release knows no action for it, and `explain` is a look of the payer's own people.
    const action = operation?.audit ?? operation?.refusedAs ?? 'explain';
    const about = { client, action, reason: kind, ...(operation !== undefined && { operation: operation.route }) };
    return this.#sampled.refused({ ...about, outcome: 'refused', members: [], resources: 0 });
  }

  async #record(request: FastifyRequest, { kind }: Refusal): Promise<void> {
    const smart = request.smart ?? (await this.#clientOf(request));
    const { url: route = '', config } = request.routeOptions;
    const action = config.operation?.audit ?? config.operation?.refusedAs;
    if (smart === undefined || action === undefined) return;
    // A route of one type has its name.
    const type =
      /^\/fhir\/([A-Z]\w*)/.exec(route)?.[1] ?? (request.params as { readonly type?: string } | undefined)?.type;
    await this.#sampled.refused({
      client: smart.client,
      action,
      outcome: 'refused',
      reason: kind,
      members: [],
      resources: 0,
      ...namesOf(request.url),
      ...(type !== undefined && (type === 'Group' || isServedType(type)) && { types: [type] }),
    });
  }

  /** A body that cannot be read is refused before a guard asks for the token. */
  async #clientOf(request: FastifyRequest): Promise<{ readonly client: string } | undefined> {
    if (request.headers['authorization'] === undefined) return undefined;
    try {
      return await this.#authenticator?.authenticate(request);
    } catch {
      return undefined;
    }
  }

  #unauthenticated({ headers, smart, url }: FastifyRequest, refusal: Refusal): Unauthenticated | undefined {
    if (refusal.kind === 'invalid-token') return headers['authorization'] === undefined ? 'missing' : 'invalid';
    // Too many forged tokens. A client with a valid token has its `smart` before any limit of its own.
    const limited = refusal.kind === 'too-many-requests' && smart === undefined && formatOf(url) === 'fhir';
    return limited && headers['authorization'] !== undefined ? 'limited' : undefined;
  }

  #count(reason: Unauthenticated, request: FastifyRequest): void {
    const { metrics, clock, logger } = this.#ports;
    metrics.count('pa_unauthenticated_requests_total', { service: this.#service, reason });
    const now = clock.now();
    const known = this.#logged.get(reason) ?? { until: now, waiting: 0 };
    this.#logged.set(reason, known);
    known.waiting++;
    // A clock that was set back must not silence the log for longer than a minute.
    if (now < known.until && known.until <= now + MINUTE) return;
    logger.info(
      {
        reason,
        requests: known.waiting,
        method: request.method,
        route: request.routeOptions.url ?? 'unmatched',
        address: addressBlock(request.ip ?? ''),
      },
      'requests without a valid token',
    );
    this.#logged.set(reason, { until: now + MINUTE, waiting: 0 });
  }
}
