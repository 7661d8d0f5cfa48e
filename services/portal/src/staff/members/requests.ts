import { api, ask, type Asked } from '../../common/api.ts';
import { type Denials, denialsOf } from '../../common/consent.ts';

interface Period {
  readonly from: string;
  readonly to: string;
}
export interface Ground {
  readonly kind: 'attribution' | 'attestation';
  readonly providers: readonly string[];
  readonly from: string;
  readonly to?: string;
}
/** The decision at the end of the period. */
export type LastDecision =
  | { readonly decision: 'permit'; readonly grounds: readonly Ground[]; readonly moreGrounds: number }
  | { readonly decision: 'deny'; readonly reason: string }
  | { readonly decision: 'unknown' };
export interface OtherApp {
  readonly client: string;
  readonly name: string;
  /** A process of the release before does not have it. */
  readonly last?: LastDecision;
}
/** An app that could see the member in the period of the answer. */
export interface SeeingApp extends OtherApp {
  readonly periods: readonly Period[];
  readonly unknown?: readonly Period[];
}
export interface Seeing extends Period {
  readonly apps: readonly SeeingApp[];
  /** Apps of a provider of the member that could not. A process of the release before has neither these nor names. */
  readonly others?: readonly OtherApp[];
  readonly moreOthers?: number;
  readonly names?: Readonly<Record<string, string>>;
  readonly unknown: readonly Period[];
}
/** One entry of `GET /ops/disclosures`. */
export interface Release {
  readonly id: string;
  readonly at: string;
  readonly client: string;
  readonly outcome: 'released' | 'refused';
  readonly types?: readonly string[];
  readonly agent?: { readonly name: string; readonly providers: readonly string[] };
}
export interface Releases {
  readonly disclosures: readonly Release[];
  /** The path of the next page. */
  readonly next?: string;
}
/** The answer of `GET /ops/notices` about one member. Days are of the payer's calendar. */
export interface Notices {
  readonly notices: readonly { readonly kind: string; readonly due: string; readonly overdue: boolean }[];
  readonly sent: readonly { readonly kind: string; readonly on: string; readonly returned?: boolean }[];
}
export interface Found {
  readonly member: string;
  readonly denials: Denials;
  /** Whether anybody ever decided anything about this member. */
  readonly decided: boolean;
  readonly seeing: Seeing;
  readonly releases: Releases;
  readonly notices: Notices;
}

export interface NamedMember {
  readonly member: string;
  readonly name?: string;
  readonly birthDate?: string;
}
export interface NamedMembers {
  readonly members: readonly NamedMember[];
  /** There are others, whom the answer does not have. */
  readonly more: boolean;
}

const DAY_MS = 24 * 3_600_000;
const COUNT = '50';

/** The member stands in the body, because the address of a search may be kept. */
async function consents(member: string): Promise<Asked<readonly unknown[]>> {
  const asked = await ask(
    api.POST('/fhir/Consent/_search', {
      body: { patient: member, _count: '200' } as never,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      bodySerializer: (body) => new URLSearchParams(body as Record<string, string>).toString(),
    }),
  );
  if (asked.fault !== undefined) return asked;
  const { entry = [] } = asked.data as { readonly entry?: readonly { readonly resource?: unknown }[] };
  return { data: entry.map(({ resource }) => resource) };
}

/** @param next of the answer before */
export function releases(member: string, next?: string): Promise<Asked<Releases>> {
  const page = next === undefined ? undefined : new URL(next, location.origin).searchParams.get('page');
  const query = { member, limit: COUNT, ...(typeof page === 'string' && { page }) };
  return ask(api.GET('/ops/disclosures', { params: { query } })) as Promise<Asked<Releases>>;
}

/** The members with this name and birth date. Both stand in the body, because an address may be kept. */
export const search = (body: {
  readonly family: string;
  readonly birthDate: string;
  readonly given?: string;
}): Promise<Asked<NamedMembers>> => ask(api.POST('/ops/members/find', { body })) as Promise<Asked<NamedMembers>>;

/**
 * What is known about a member: decisions, who could see the member in the last 24 hours, who asked for data, and
 * notices.
 */
export async function find(member: string): Promise<Asked<Found>> {
  const from = new Date(Date.now() - DAY_MS).toISOString();
  const [own, seeing, got, notices] = await Promise.all([
    consents(member),
    ask(api.GET('/ops/explain/apps', { params: { query: { member, from } } })) as Promise<Asked<Seeing>>,
    releases(member),
    ask(api.GET('/ops/notices', { params: { query: { member } } })) as unknown as Promise<Asked<Notices>>,
  ]);
  if (own.fault !== undefined) return own;
  if (seeing.fault !== undefined) return seeing;
  if (got.fault !== undefined) return got;
  if (notices.fault !== undefined) return notices;
  const denials = denialsOf(own.data, Date.now());
  const decided = own.data.length > 0;
  const shown = { seeing: seeing.data, releases: got.data, notices: notices.data };
  return { data: { member, denials, decided, ...shown } };
}
