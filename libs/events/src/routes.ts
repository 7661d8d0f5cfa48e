import { SERVICES, type Service } from './topics.ts';

/**
 * Where a path may be asked: `open` to providers and their apps, `inside` for the payer and operators alone, `both`
 * where people of the payer need it too, because they sign in at the host that has their routes.
 */
export interface Route {
  readonly prefix: string;
  readonly service: Service;
  readonly host: 'open' | 'inside' | 'both';
  /** The path itself, and nothing below it. */
  readonly exact?: true;
}

const open = (service: Service, ...prefixes: readonly string[]): readonly Route[] =>
  prefixes.map((prefix) => ({ prefix, service, host: 'open' }));
const inside = (service: Service, ...prefixes: readonly string[]): readonly Route[] =>
  prefixes.map((prefix) => ({ prefix, service, host: 'inside' }));

/**
 * The one table of routes: which service answers a path. The longest fitting prefix wins. The operations of export on a
 * Group come before it, because they need a pattern (ADR 0035). From this table come the trial's routing, the gateway
 * of the tests, the chart's Ingress and HTTPRoute, and the tables in docs (`npm run chart`). `/health` and `/metrics`
 * belong to each process and are not routed.
 */
export const ROUTES: readonly Route[] = [
  { prefix: '/', service: 'auth', host: 'open', exact: true },
  { prefix: '/auth', service: 'auth', host: 'both' },
  { prefix: '/portal', service: 'auth', host: 'both' },
  ...open('auth', '/notice', '/providers', '/status', '/.well-known', '/docs', '/openapi.json', '/fhir/.well-known'),
  ...open('attribution', '/refusals', '/fhir/Group'),
  ...open('export', '/fhir/bulk'),
  ...open('resources', '/fhir'),
  ...inside('resources', '/events'),
  ...inside('attribution', '/ops/explain', '/ops/disclosures', '/ops/sources', '/ops/imports', '/ops/audit'),
  ...inside('attribution', '/ops/slo', '/ops/probe'),
  ...inside('attribution', '/ops/notices', '/ops/attestations', '/ops/evidence', '/ops/lists'),
  ...inside('resources', '/ops/feeds', '/ops/reviews', '/ops/members'),
  ...inside('auth', '/ops/lines'),
  ...SERVICES.flatMap((service) => inside(service, `/ops/views/${service}`, `/ops/health/${service}`)),
];

/** With what a longer path begins, so that a request builds no text. */
const byLength = ROUTES.toSorted((a, b) => b.prefix.length - a.prefix.length).map((route) => ({
  ...route,
  below: `${route.prefix}/`,
}));

/** The service with the longest fitting prefix. A prefix ends where a segment of the path ends. */
export const routeOf = (path: string): Service | undefined =>
  byLength.find(({ prefix, below, exact }) => path === prefix || (exact !== true && path.startsWith(below)))?.service;
