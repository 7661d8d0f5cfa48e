/** Which service answers a path (ARCHITECTURE §7): plain prefixes, the longest wins, no regular expressions. */
export type ServiceName = 'auth' | 'attribution' | 'consent' | 'resources' | 'export';

const PREFIXES: readonly (readonly [prefix: string, service: ServiceName])[] = (
  [
    ['/auth', 'auth'],
    ['/fhir/.well-known', 'auth'],
    ['/.well-known', 'auth'],
    ['/fhir/Group', 'attribution'],
    ['/fhir/bulk', 'export'],
    ['/fhir/Consent', 'consent'],
    ['/fhir', 'resources'],
    ['/events', 'resources'],
    ['/ops/explain', 'attribution'],
    ['/ops/disclosures', 'attribution'],
    ['/ops/slo', 'attribution'],
    ['/ops/probe', 'attribution'],
    ['/ops/views/auth', 'auth'],
    ['/ops/views/attribution', 'attribution'],
    ['/ops/views/consent', 'consent'],
    ['/ops/views/resources', 'resources'],
    ['/ops/views/export', 'export'],
  ] as const
).toSorted((a, b) => b[0].length - a[0].length);

/** The service of a request target, undefined when no prefix fits at a segment's end. */
export function serviceOf(target: string): ServiceName | undefined {
  const end = target.search(/[?#]/);
  const path = end < 0 ? target : target.slice(0, end);
  for (const [prefix, service] of PREFIXES) {
    if (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')) return service;
  }
  return undefined;
}
