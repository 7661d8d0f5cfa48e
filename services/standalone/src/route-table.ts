import { routeOf, type Service } from '@provider-access/events';

/**
 * `$export` and `$davinci-data-export` of a Group, and `$provider-member-match`, which makes one. All other paths of a
 * Group belong to attribution. A client may encode the `$` and add a slash at the end.
 */
const EXPORT_OPERATION =
  /^\/fhir\/Group\/(?:[^/]+\/(?:\$|%24)(?:export|davinci-data-export)|(?:\$|%24)provider-member-match)\/?$/;

/** Paths that providers and their apps never use. */
const INTERNAL = ['/events', '/ops', '/metrics', '/auth/clients', '/auth/session', '/auth/member-session'] as const;

const pathOf = (target: string): string => {
  const end = target.search(/[?#]/);
  return end < 0 ? target : target.slice(0, end);
};
/** Whether the path starts with the prefix, and the prefix ends at the end of a path segment. */
const under = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);

/**
 * The service of a request target (docs/architecture.md#routes): first the operations of export on a Group, then the
 * service with the longest fitting prefix. Undefined if no prefix fits.
 */
export function serviceOf(target: string): Service | undefined {
  const path = pathOf(target);
  if (EXPORT_OPERATION.test(path)) return 'export';
  return routeOf(path);
}

/**
 * Whether a request target is only for the payer and operators. Ignores case, escapes and repeated slashes as the
 * routers of the services do, so that no spelling of a path bypasses the check.
 */
export function isInternal(target: string): boolean {
  let path = pathOf(target);
  try {
    path = decodeURIComponent(path);
  } catch {
    // The escapes are not valid, so the services refuse the path.
  }
  const plain = path.toLowerCase().replaceAll(/\/+/g, '/');
  return INTERNAL.some((prefix) => under(plain, prefix));
}
