import { consentIdOf } from '@provider-access/domain/pdex';
import { dataOf, type OptedIn, type OptedOut, type ProviderOptedIn, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import {
  deciding,
  endOf,
  ends,
  folded,
  includesAll,
  isOptOut,
  isWithdrawal,
  namedBy,
  type OptIn,
  type OptOut,
  originOf,
  statementOf,
} from '@provider-access/facts';

/** One version of a Consent. A later version differs in its end. */
export interface ConsentVersion {
  /** From 1. */
  readonly n: number;
  /** RFC 3339 instant at which the statement that made the version was recorded. */
  readonly at: string;
  /** RFC 3339 instant from which another statement decides. Equal to the start if this one never decided. */
  readonly to?: string;
}
/** Who stated it, and what no decision reads. */
type Details = Pick<OptedIn, 'setBy' | 'reason' | 'reasonText' | 'proof' | 'script'> &
  Pick<OptedOut, 'purposes' | 'payers'>;
/** An opt-out or opt-in of one member id, in the form of the facts, as a Consent with its newest versions. */
export type StatedConsent = (OptIn & AsConsent) | StatedOptOut;
type StatedOptOut = OptOut & AsConsent;
interface AsConsent {
  readonly id: string;
  readonly details: Details;
  readonly versions: readonly [ConsentVersion, ...ConsentVersion[]];
}
/** Part `consents` of a member's document. */
export interface ConsentsPart {
  /** Ids of `stated`, for the index. */
  readonly ids: readonly string[];
  /** In the order in which they were recorded. */
  readonly stated: readonly StatedConsent[];
  /** What sources of full files took back. They end Consents and are none, because the member has stated nothing. */
  readonly withdrawals?: readonly OptIn[];
  /** When the newest statement was recorded, dropped ones included. */
  readonly at: string;
  /** A representative made a statement that has not ended, for the index of reviews. */
  readonly represented?: true;
}

/** So many statements of a member are kept, and beyond them all that can still decide (ADR 0017). */
const KEPT = 40;
/** So many versions of a Consent are kept. */
const MOST_VERSIONS = 10;
const STATEMENT_TYPES: ReadonlySet<string> = new Set([
  'pa.opted-out.v1',
  'pa.opted-in.v1',
  'pa.provider-opted-in.v1',
  'pa.opt-out-withdrawn.v1',
]);

const later = (a: string, b: string | undefined): string => (b === undefined || a > b ? a : b);

/** The part with the statement of one of our events; undefined if the part has it. Pure. */
export function withStated(
  part: ConsentsPart | undefined,
  record: LogRecord,
  member: string,
): ConsentsPart | undefined {
  const origin = originOf(record);
  const { stated: known = [], withdrawals: before = [] } = part ?? {};
  if ([...known, ...before].some((one) => one.event === origin.event)) return undefined;
  const at = later(origin.recordedAt, part?.at);
  const data = dataOf<OptedOut & Partial<ProviderOptedIn>>(record);
  const statement = statementOf(data, origin);
  const consent = isWithdrawal(statement) ? undefined : consentOf(statement, member, at, detailsOf(data));
  const all = consent === undefined ? known : [...known, consent];
  const taken = consent === undefined ? [...before, statement] : before;
  const [outs, ins] = apart(all);
  const kept = folded({ outs, ins: [...ins, ...taken] }, at, KEPT, consent ?? statement);
  const names = new Set<OptIn>([...kept.outs, ...kept.ins]);
  const withdrawals = taken.filter((one) => names.has(one));
  const standIns = kept.outs.flatMap((out) => ('id' in out ? [] : [consentOf(out, member, at, { setBy: 'member' })]));
  const fresh = new Set([...(consent === undefined ? [] : [consent.id]), ...standIns.map(({ id }) => id)]);
  const stated = withEnds([...all.filter((one) => names.has(one)), ...standIns], withdrawals, { at, fresh });
  const represented = stated.some((one) => isRepresented(one) && !hasEnded(one, at));
  return {
    ids: stated.map(({ id }) => id),
    stated,
    at,
    ...(withdrawals.length > 0 && { withdrawals }),
    ...(represented && { represented }),
  };
}

const isRepresented = ({ details: { setBy } }: StatedConsent): boolean => setBy === 'personal-representative';
/** Whether another statement decides from this RFC 3339 instant on or earlier. */
const hasEnded = ({ versions }: StatedConsent, at: string): boolean => {
  const { to } = versions.at(-1)!;
  return to !== undefined && to <= at;
};
/** The statements that a representative made, and that still decide something at this RFC 3339 instant or later. */
export function representedAt({ stated, withdrawals = [] }: ConsentsPart, at: string): readonly StatedConsent[] {
  const [outs, ins] = apart(stated);
  const still = deciding({ outs, ins: [...ins, ...withdrawals] }, at);
  return stated.filter((one) => isRepresented(one) && !hasEnded(one, at) && still.has(one));
}

/** Opt-outs, and opt-ins. */
const apart = (all: readonly StatedConsent[]): readonly [readonly StatedOptOut[], readonly StatedConsent[]] => [
  all.filter((one): one is StatedOptOut => isOptOut(one)),
  all.filter((one) => !isOptOut(one)),
];

const consentOf = (statement: OptIn | OptOut, member: string, at: string, details: Details): StatedConsent => ({
  ...statement,
  id: consentIdOf(statement.event, member),
  details,
  versions: [{ n: 1, at }],
});

const detailsOf = ({ setBy, reason, reasonText, proof, script, purposes, payers }: OptedOut): Details => ({
  setBy,
  ...(reason !== undefined && { reason }),
  ...(reasonText !== undefined && { reasonText }),
  ...(proof !== undefined && { proof }),
  ...(script !== undefined && { script }),
  ...(purposes !== undefined && { purposes }),
  ...(payers !== undefined && { payers }),
});

/** A new version of each Consent whose end is another one now. `fresh`: those that the record makes. */
function withEnds(
  stated: readonly StatedConsent[],
  withdrawals: readonly OptIn[],
  { at, fresh }: { readonly at: string; readonly fresh: ReadonlySet<string> },
): readonly StatedConsent[] {
  const [outs, consents] = apart(stated);
  const ins = [...consents, ...withdrawals];
  // The end of an opt-out takes all opt-ins, and each opt-in asks for all of these ends.
  const bars: Bars = new Map(outs.map((out) => [out, endOf(out, ins)?.to]));
  return stated.map((one) => {
    const to = isOptOut(one) ? bars.get(one) : endOfOptIn(one, bars);
    const last = one.versions.at(-1)!;
    if (last.to === to) return one;
    const next = { at, ...(to !== undefined && { to }) };
    // The first version of a statement that never decided already has its end.
    if (fresh.has(one.id)) return { ...one, versions: [{ n: 1, ...next }] };
    const versions = [...one.versions, { n: last.n + 1, ...next }].slice(-MOST_VERSIONS);
    return { ...one, versions: versions as [ConsentVersion, ...ConsentVersion[]] };
  });
}

/** By opt-out, the RFC 3339 instant from which opt-ins end it. */
type Bars = ReadonlyMap<OptOut, string | undefined>;
/** The instant from which an opt-out bars all whom an opt-in permits. */
function endOfOptIn(back: OptIn, bars: Bars): string | undefined {
  let first: string | undefined;
  for (const [out, to] of bars) {
    const from = later(out.from, back.from);
    if ((first === undefined || from < first) && standsAgainst(out, to, back)) first = from;
  }
  return first;
}

/** An opt-in for some providers ends no opt-out that bars them without naming them (N10). */
function standsAgainst(out: OptOut, to: string | undefined, back: OptIn): boolean {
  if (to !== undefined && to <= back.from) return false;
  // Lists of providers are compared last, because they may be long.
  if (ends(back, out) && (namedBy(out) !== undefined || back.targets === undefined)) return false;
  return barsAll(out, back);
}

function barsAll(out: OptOut, { targets }: OptIn): boolean {
  if (out.bars === 'nobody') return false;
  const named = namedBy(out);
  if (named !== undefined) return targets !== undefined && includesAll(named, targets);
  return out.scope !== 'provider-category' || out.categories === undefined;
}

export const isStatement = (record: LogRecord): boolean => STATEMENT_TYPES.has(typeOf(record) ?? '');
