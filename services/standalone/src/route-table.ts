/**
 * Which service answers a path (docs/architecture.md#routes): the operations of export on a Group, then the longest of
 * the prefixes.
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

/**
 * `$export` and `$davinci-data-export` of a Group, which otherwise belongs to attribution. A client may encode the `$`,
 * and every service takes a path with a last slash for the one without.
 */
const EXPORT_OPERATION = /^\/fhir\/Group\/[^/]+\/(?:\$|%24)(?:export|davinci-data-export)\/?$/;

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
  if (EXPORT_OPERATION.test(path)) return 'export';
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
