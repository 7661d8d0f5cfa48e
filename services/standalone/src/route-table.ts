/**
 * Which service answers a path (docs/architecture.md#routes): plain prefixes, the longest wins, no regular expressions.
 */
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

/** Paths that providers and their apps never use. */
const INTERNAL = ['/events', '/ops', '/metrics', '/auth/clients'] as const;

const pathOf = (target: string): string => {
  const end = target.search(/[?#]/);
  return end < 0 ? target : target.slice(0, end);
};
/** Whether a prefix fits at a segment's end. */
const under = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');

/** The service of a request target, undefined when no prefix fits. */
export function serviceOf(target: string): ServiceName | undefined {
  const path = pathOf(target);
  return PREFIXES.find(([prefix]) => under(path, prefix))?.[1];
}

/**
 * Whether a request target is for the payer and operators alone. Compared as the routers of the services would take it:
 * without letter case, with
 * escapes read and slashes that repeat as one, so that no spelling of a path by-passes it.
 */
export function isInternal(target: string): boolean {
  let path = pathOf(target);
  try {
    path = decodeURIComponent(path);
  } catch {
    // Not a path of ours: the services refuse it.
  }
  const plain = path.toLowerCase().replaceAll(/\/+/g, '/');
  return INTERNAL.some((prefix) => under(plain, prefix));
}
