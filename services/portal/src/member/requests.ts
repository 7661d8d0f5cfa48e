import { api, ask, type Asked, keepCsrf, type Session } from '../common/api.ts';

/**
 * The JWT of the address (PEOPLE.md N51), which leaves the address at once, so that neither the history of the browser
 * nor a bookmark keeps it. It is in memory alone.
 */
export function takeLink(): string | undefined {
  const link = location.hash.slice(1);
  if (link === '') return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  return link;
}

/** Begins the session of the link, or finds the one that this page has. */
export async function enter(link: string | undefined): Promise<Asked<Session>> {
  const asked = await ask(
    link === undefined ? api.GET('/auth/session') : api.POST('/auth/member-session', { body: { link } }),
  );
  if (asked.fault !== undefined) return asked;
  // Somebody of the payer has no business on this page.
  if (asked.data.member === undefined) return { fault: { status: 409, message: '' } };
  keepCsrf(asked.data);
  return asked;
}

/** One release of data about the member. */
export interface Release {
  readonly id: string;
  readonly at: string;
  readonly types?: readonly string[];
  readonly agent?: { readonly name: string; readonly providers: readonly string[] };
}
interface Releases {
  readonly disclosures: readonly Release[];
  /** The path of the next page. */
  readonly next?: string;
}
const COUNT = '50';
/** @param next of the answer before */
export function releases(next?: string): Promise<Asked<Releases>> {
  const page = next === undefined ? undefined : new URL(next, location.origin).searchParams.get('page');
  const query = { limit: COUNT, ...(typeof page === 'string' && { page }) };
  return ask(api.GET('/ops/disclosures', { params: { query } })) as Promise<Asked<Releases>>;
}

export async function consents(): Promise<Asked<readonly unknown[]>> {
  const asked = await ask(api.GET('/fhir/Consent', { params: { query: { _count: '200' } } }));
  if (asked.fault !== undefined) return asked;
  const { entry = [] } = asked.data as { readonly entry?: readonly { readonly resource?: unknown }[] };
  return { data: entry.map(({ resource }) => resource) };
}

export const leave = (): Promise<Asked<unknown>> => ask(api.DELETE('/auth/session'));
