import type { Language } from '../../common/language.tsx';
import { api, ask, type Asked } from '../../common/api.ts';
import { save } from '../../common/save.ts';
import { type Release, type Releases, releases, type Seeing } from '../members/requests.ts';

export interface Span {
  readonly from: string;
  readonly to?: string;
}
/** A fact about providers: attributions and attestations, and opt-outs of some providers. */
export interface Provided extends Span {
  readonly providers?: readonly string[];
  readonly provider?: string;
  readonly targets?: readonly string[];
}
export interface OptOut extends Provided {
  readonly scope: string;
}
interface Hold extends Span {
  readonly deadLetter: string;
  readonly eventType: string;
  readonly source?: string;
}
/** What one app got or was refused on one UTC day. */
interface DayOfApp {
  readonly day: string;
  readonly client: string;
  readonly name?: string;
  readonly released: number;
  readonly refused: number;
}
/** An answer of `GET /ops/explain/timeline`. */
interface Timeline extends Required<Span> {
  readonly member: string;
  readonly known: boolean;
  readonly coverage: readonly (Span & { readonly coverageId: string })[];
  readonly attributions: readonly Provided[];
  readonly attestations: readonly Provided[];
  readonly optOuts: readonly OptOut[];
  readonly holds: readonly Hold[];
  readonly sourceHolds: readonly Hold[];
  readonly notices: readonly (Span & { readonly kind: string })[];
  readonly completeFrom?: string;
  readonly mergedWith: readonly string[];
  readonly names: Readonly<Record<string, string>>;
  readonly releases: readonly DayOfApp[];
  readonly releasesFrom?: string;
}
/** One entry of the accounting. */
export interface Given extends Release {
  readonly reason?: string;
  readonly resources?: number;
  readonly names?: Readonly<Record<string, string>>;
  readonly recalled?: readonly string[];
}
interface Look {
  readonly id: string;
  readonly at: string;
  readonly by: string;
  readonly operation?: string;
  readonly action?: string;
  readonly outcome: 'released' | 'refused';
}
export interface Looks {
  readonly looks: readonly Look[];
  readonly next?: string;
}
export interface Found {
  readonly timeline: Timeline;
  /** Absent if the platform cannot list them for this member and period. */
  readonly seeing?: Seeing;
  readonly seeingFault?: string;
  readonly given: Releases;
  readonly looks: Looks;
}
const COUNT = '50';

/** @param next of the answer before */
export function looks(member: string, next?: string): Promise<Asked<Looks>> {
  const page = next === undefined ? null : new URL(next, location.origin).searchParams.get('page');
  const query = { member, limit: COUNT, ...(page !== null && { page }) };
  return ask(api.GET('/ops/disclosures/looks', { params: { query } })) as Promise<Asked<Looks>>;
}

/** What happened to a member in the last days, who got data, and who looked. */
export async function find(member: string, from: string): Promise<Asked<Found>> {
  const period = { member, from };
  const [timeline, seeing, given, looked] = await Promise.all([
    ask(api.GET('/ops/explain/timeline', { params: { query: period } })) as Promise<Asked<Timeline>>,
    ask(api.GET('/ops/explain/apps', { params: { query: period } })) as Promise<Asked<Seeing>>,
    releases(member),
    looks(member),
  ]);
  if (timeline.fault !== undefined) return timeline;
  if (given.fault !== undefined) return given;
  if (looked.fault !== undefined) return looked;
  const shown = { timeline: timeline.data, given: given.data, looks: looked.data };
  // A member with very many changes is refused (400). All else about the member can still be shown.
  if (seeing.fault === undefined) return { data: { ...shown, seeing: seeing.data } };
  return seeing.fault.status === 400 ? { data: { ...shown, seeingFault: seeing.fault.message } } : seeing;
}

interface Verdict {
  readonly decision: 'permit' | 'deny' | 'unknown';
  readonly reason?: string;
  readonly unknownBefore?: string;
}
interface Held extends Span {
  readonly holds: boolean;
}
/** An answer of `GET /ops/explain`. */
export interface Explained extends Verdict {
  readonly client: string;
  readonly at: string;
  readonly known: string;
  readonly later?: Verdict & {
    readonly learned: readonly (Span & {
      readonly kind: string;
      readonly recordedAt: string;
      readonly ended?: true;
    })[];
  };
  readonly survivor?: Verdict & { readonly member: string };
  readonly changes?: readonly { readonly change: string; readonly of?: readonly string[] }[];
  readonly next?: Verdict & { readonly at: string };
  readonly now: Verdict;
  /** Of today. */
  readonly withheld?: { readonly resources: number };
  readonly clientFacts: {
    readonly name: string;
    readonly statusAt: string | null;
    readonly providers: readonly string[];
    readonly bindings: readonly (Span & { readonly provider: string })[];
  } | null;
  readonly memberFacts: {
    readonly coverage: readonly (Held & { readonly coverageId: string })[];
    readonly attributions: readonly (Held &
      Provided & { readonly boundToClient: boolean; readonly inNetwork: boolean })[];
    readonly attestations?: readonly (Held & Provided & { readonly ofClient: boolean; readonly inNetwork: boolean })[];
    readonly optOuts: readonly (Held & OptOut)[];
    readonly holds: readonly (Held & Hold)[];
    readonly sourceHolds: readonly (Held & Hold)[];
    readonly notices?: readonly (Held & { readonly kind: string })[];
  } | null;
}
export interface Question {
  readonly client: string;
  readonly member: string;
  /** RFC 3339. Without it: now. */
  readonly at?: string;
  /** RFC 3339 or `now`. Without it: as `at`. */
  readonly known?: string;
}
export const explain = (question: Question): Promise<Asked<Explained>> =>
  ask(api.GET('/ops/explain', { params: { query: { ...question } } })) as Promise<Asked<Explained>>;

/** The accounting as a file that the browser keeps. Its name has nothing about the member. */
export async function saveDocument(member: string, lang: Language): Promise<Asked<true>> {
  const asked = await ask(
    api.GET('/ops/disclosures/document', { params: { query: { member, lang } }, parseAs: 'text' }) as Promise<{
      data?: string;
      error?: unknown;
      response: Response;
    }>,
  );
  if (asked.fault !== undefined) return asked;
  save('accounting-of-disclosures.html', asked.data);
  return { data: true };
}
