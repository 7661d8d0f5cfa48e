import { isNpi, isTin } from '@provider-access/events';
import { dateRange, isInstant, isObject, parseReference, patientReference } from '@provider-access/fhir';
import { PDEX, US_EIN, US_NPI } from './codes.ts';
import { PayerDays } from './days/payer-days.ts';

export const CODES = 'http://terminology.hl7.org/CodeSystem/';
export const CONSENT_SCOPE = `${CODES}consentscope`;
export const V3_ACT = `${CODES}v3-ActCode`;
/** For which API a Consent is, as a category. */
export const API_PURPOSE = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/pdex-consent-api-purpose';

/** An opt-out that a FHIR Consent states, in the words of `payer.member-opted-out.v1`. */
interface ConsentOptOut {
  readonly kind: 'opt-out';
  readonly scope: 'global' | 'provider-specific';
  readonly targets?: readonly ({ readonly npi: string } | { readonly tin: string })[];
  /** A day or an RFC 3339 instant. If absent, the opt-out is effective at once. */
  readonly effectiveFrom?: string;
  readonly setBy: 'member' | 'personal-representative' | 'payer';
}
/** `none`: the Consent restricts nothing. It never permits anything, because an opt-in needs its own event. */
export type ConsentReading = ConsentOptOut | { readonly kind: 'none' };

const NONE: ConsentReading = { kind: 'none' };
/** Status of a Consent that is not in force. Such a Consent does not end an earlier opt-out; only an opt-in does. */
const NOT_IN_FORCE = new Set<unknown>(['draft', 'proposed', 'rejected', 'inactive', 'entered-in-error']);
/** The latest end of a day anywhere, at UTC-12. */
const ANYWHERE = new PayerDays();

/**
 * The meaning of a FHIR R4 Consent for Provider Access, for any JSON object with `resourceType: Consent`, valid or not.
 * A deny provision at any depth is an opt-out (PDex 2.2, pdex-provider-consent). An element that is not understood
 * makes the opt-out global, because an opt-out must never mean less than the member intended.
 * docs/adr/0019-fhir-consent.md has the rule for each element.
 * @param at ms since the epoch. A deny provision whose period ended before this instant has no effect
 * @param days decides when a day that the payer wrote ends; by default where it ends last on earth
 */
export function readConsent(
  consent: Readonly<Record<string, unknown>>,
  at: number,
  days: PayerDays = ANYWHERE,
): ConsentReading {
  if (NOT_IN_FORCE.has(consent['status']) || isAboutSomethingElse(consent)) return NONE;
  const { provision } = consent;
  if (!denies(provision) && !hasCode(consent['policyRule'], V3_ACT, ['OPTOUT', 'OPTOUTE'])) return NONE;
  const period = periodOf(provision);
  if (hasEnded(period['end'], at, days)) return NONE;
  const targets =
    isObject(consent['modifierExtension']) || Array.isArray(consent['modifierExtension'])
      ? []
      : (recipientsOf(provision, 'deny') ?? []);
  const effectiveFrom = dayOrInstant(period['start']);
  return {
    kind: 'opt-out',
    ...(targets.length === 0 ? { scope: 'global' } : { scope: 'provider-specific', targets }),
    ...(effectiveFrom !== undefined && { effectiveFrom }),
    setBy: setBy(consent['performer']),
  };
}

/**
 * The period of a denial. It counts only where the outermost provision alone denies and begins before it ends: a denial
 * inside has a period of its own, which an outer one must not delay or end.
 */
function periodOf(provision: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(provision) || provision['type'] === 'permit' || denies(provision['provision'])) return {};
  const { period } = provision;
  if (!isObject(period)) return {};
  const { start, end } = period;
  const isReversed = isMoment(start) && isMoment(end) && dateRange(end)!.end <= dateRange(start)!.start;
  return isReversed ? {} : period;
}

/** Whether a value is a FHIR dateTime that says when something is: a time of day without a zone is no moment. */
export const isMoment = (value: unknown): value is string =>
  typeof value === 'string' && dateRange(value) !== undefined && (!value.includes('T') || isInstant(value));
/** Whether a period with this end was over. An end that is unreadable counts as none. */
const hasEnded = (end: unknown, at: number, days: PayerDays): boolean =>
  isMoment(end) && days.restrictsUntil(end) <= at;

/** The member that a Consent names by a literal reference to a Patient; undefined without such a reference. */
export const patientOfConsent = (consent: Readonly<Record<string, unknown>>): string | undefined =>
  patientReference(consent['patient'])?.id;

/**
 * Whether, by scope or category, the Consent is about research, an advance directive, or another API than Provider
 * Access.
 */
export function isAboutSomethingElse({ scope, category }: Readonly<Record<string, unknown>>): boolean {
  const scopes = codingsOf(scope);
  const elsewhere = (c: Coding): boolean => c.system === CONSENT_SCOPE && (c.code === 'research' || c.code === 'adr');
  if (scopes !== undefined && scopes.length > 0 && scopes.every(elsewhere)) return true;
  const categories = Array.isArray(category) ? category.map(codingsOf) : [];
  if (categories.includes(undefined)) return false;
  const purposes = categories.flat().filter((c) => c?.system === API_PURPOSE);
  return purposes.length > 0 && purposes.every((c) => c!.code === 'payer-to-payer' || c!.code === 'patient-access');
}

/** Whether a provision, or one inside it, denies or has another value than `permit`. */
function denies(provision: unknown): boolean {
  const open: unknown[] = [provision];
  // A provision without one inside adds undefined, which must not end the search.
  while (open.length > 0) {
    const next = open.pop();
    // Not `push(...next)`: an array may have more elements than a call may have arguments.
    if (Array.isArray(next)) for (const part of next as unknown[]) open.push(part);
    else if (isObject(next)) {
      if (next['type'] !== undefined && next['type'] !== 'permit') return true;
      open.push(next['provision']);
    }
  }
  return false;
}

/** The only elements of a deny provision that may narrow it. */
const UNDERSTOOD = new Set(['type', 'period', 'actor', 'action']);
export const PERFORMER = { system: `${CODES}provenance-participant-type`, code: 'performer' };
export const RECIPIENT = { system: `${CODES}v3-ParticipationType`, code: 'IRCP' };
/** The extension of an action that is about this API. */
export const USE_CASE = `${PDEX}pdex-provider-access-use-case`;
export const DISCLOSE = { system: `${CODES}consentaction`, code: 'disclose' };

/**
 * The providers to which a provision denies or permits disclosure. Without any it is about all. Undefined if it has an
 * element or an actor that is not understood.
 */
export function recipientsOf(
  provision: unknown,
  type: 'deny' | 'permit',
): NonNullable<ConsentOptOut['targets']> | undefined {
  if (
    !isObject(provision) ||
    provision['type'] !== type ||
    Object.keys(provision).some((name) => !UNDERSTOOD.has(name))
  )
    return undefined;
  const { action, actor } = provision;
  if (action !== undefined && !(Array.isArray(action) && action.every(isDisclosure))) return undefined;
  const targets: ({ npi: string } | { tin: string })[] = [];
  for (const one of Array.isArray(actor) ? (actor as unknown[]) : []) {
    if (!isObject(one) || Object.keys(one).some((name) => name !== 'role' && name !== 'reference')) return undefined;
    // The actor that discloses is the payer itself.
    if (isOnly(one['role'], PERFORMER)) continue;
    const target =
      isOnly(one['role'], RECIPIENT) && !isContained(one['reference']) ? identified(one['reference']) : undefined;
    if (target === undefined) return undefined;
    targets.push(target);
  }
  return targets.length <= MAX_TARGETS ? targets : undefined;
}
/** Disclosure, and no other use case than this API. */
function isDisclosure(action: unknown): boolean {
  const { extension = [] } = isObject(action) ? action : {};
  const isThisApi = (one: unknown): boolean => isObject(one) && one['url'] === USE_CASE && one['valueBoolean'] === true;
  return isOnly(action, DISCLOSE) && Array.isArray(extension) && extension.every(isThisApi);
}
/** A contained resource may name another provider than the identifier beside the reference to it. */
const isContained = (reference: unknown): boolean =>
  isObject(reference) && typeof reference['reference'] === 'string' && reference['reference'].startsWith('#');
/** The limit of targets in an opt-out event. */
const MAX_TARGETS = 100;

/** The provider that a Reference names by its identifier. */
export function identified(reference: unknown): { npi: string } | { tin: string } | undefined {
  const identifier = isObject(reference) ? reference['identifier'] : undefined;
  const { system, value } = isObject(identifier) ? identifier : {};
  if (typeof value !== 'string') return undefined;
  if (system === US_NPI && isNpi(value)) return { npi: value };
  return system === US_EIN && isTin(value) ? { tin: value } : undefined;
}

export interface Coding {
  readonly system: unknown;
  readonly code: unknown;
}
/** Undefined if the value is not a CodeableConcept. */
export function codingsOf(concept: unknown): readonly Coding[] | undefined {
  if (!isObject(concept)) return undefined;
  const { coding = [] } = concept;
  if (!Array.isArray(coding) || !coding.every(isObject)) return undefined;
  return coding.map(({ system, code }) => ({ system, code }));
}
const hasCode = (concept: unknown, system: string, codes: readonly string[]): boolean =>
  codingsOf(concept)?.some((c) => c.system === system && codes.includes(c.code as string)) === true;
/** Whether the concept has this coding and no other. */
function isOnly(concept: unknown, { system, code }: Coding): boolean {
  const codings = codingsOf(concept);
  return codings?.length === 1 && codings[0]!.system === system && codings[0]!.code === code;
}

/**
 * A FHIR dateTime as a day or an instant; undefined if it does not exist, or has the year 9999, which means "no date".
 */
function dayOrInstant(value: unknown): string | undefined {
  if (!isMoment(value) || value.startsWith('9999')) return undefined;
  return value.includes('T') ? value : `${value}-01-01`.slice(0, 10);
}

function setBy(performer: unknown): ConsentOptOut['setBy'] {
  const [first] = Array.isArray(performer) ? (performer as unknown[]) : [];
  const reference =
    isObject(first) && typeof first['reference'] === 'string' ? parseReference(first['reference']) : undefined;
  const type = reference?.kind === 'literal' ? reference.type : undefined;
  return type === undefined || type === 'Patient'
    ? 'member'
    : type === 'RelatedPerson'
      ? 'personal-representative'
      : 'payer';
}
