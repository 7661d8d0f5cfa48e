import { Refusal, withoutEnd } from '@provider-access/kernel';

const HINT = 'GET /fhir/metadata lists what this server does.';

/**
 * The answer for a path that no route has. It quotes nothing of the path, which may hold ids.
 * @param url as the client sent it
 */
export function nothingHere(url: string): Refusal {
  const path = withoutEnd(url.split(/[?#]/, 1)[0]!);
  if (path === '/fhir')
    return new Refusal(
      'not-found',
      'This is the base of the FHIR API. It takes no batch, no transaction and no search over all types. ' + HINT,
    );
  if (!path.startsWith('/fhir/')) return new Refusal('not-found', 'There is nothing here.');
  return new Refusal(
    'not-found',
    /\/(?:\$|%24)[^/]*$/.test(path)
      ? `This server does not have this operation at this path. ${HINT}`
      : `No request of the FHIR API has this path. ${HINT}`,
  );
}
