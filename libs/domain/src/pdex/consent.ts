import { isNpi, isTin } from '@provider-access/events';
import { dateRange, isInstant, isObject, parseReference } from '@provider-access/kernel/fhir';
import { US_EIN, US_NPI } from './codes.ts';
import { PayerDays } from './days/payer-days.ts';

const CODES = 'http://terminology.hl7.org/CodeSystem/';
const CONSENT_SCOPE = `${CODES}consentscope`;
const V3_ACT = `${CODES}v3-ActCode`;
const API_PURPOSE = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/pdex-consent-api-purpose';

/** An opt-out that a FHIR Consent states, in the words of `payer.member-opted-out.v1`. */
interface ConsentOptOut {
  readonly kind: 'opt-out';
  readonly scope: 'global' | 'provider-specific';
  readonly targets?: readonly ({ readonly npi: string } | { readonly tin: string })[];
  /** A day or an RFC 3339 instant. Absent: from now on. */
  readonly effectiveFrom?: string;
  readonly setBy: 'member' | 'personal-representative' | 'payer';
}
/** `none`: the Consent restricts nothing here. It never permits anything either: an opt-in is an event of its own. */
export type ConsentReading = ConsentOptOut | { readonly kind: 'none' };

const NONE: ConsentReading = { kind: 'none' };
/** Of a Consent that is not, not yet or no longer in force. Ending an earlier opt-out takes an opt-in. */
const NOT_IN_FORCE = new Set<unknown>(['draft', 'proposed', 'rejected', 'inactive', 'entered-in-error']);
/** The widest meaning of a day: it ends at UTC-12. */
const ANYWHERE = new PayerDays();

/**
 * What a FHIR R4 Consent says about Provider Access. Pure, for any JSON object with `resourceType: Consent`, valid or
 * not. A deny provision, at whatever depth, is an opt-out (PDex 2.2, pdex-provider-consent). What is not fully
 * understood makes the opt-out global: an opt-out is never read as less than it may mean. docs/adr/0019-fhir-consent.md
 * has the rule for each element.
 * @param at ms since the epoch: a deny whose period was over before it says nothing
 * @param days when a day ends that the payer wrote; without it a day ends where it ends last on earth
 */
export function readConsent(
  consent: Readonly<Record<string, unknown>>,
  at: number,
  days: PayerDays = ANYWHERE,
): ConsentReading {
  if (NOT_IN_FORCE.has(consent['status']) || isAboutSomethingElse(consent)) return NONE;
  const { provision } = consent;
  if (!denies(provision) && !hasCode(consent['policyRule'], V3_ACT, ['OPTOUT', 'OPTOUTE'])) return NONE;
  const period = isObject(provision) && isObject(provision['period']) ? provision['period'] : {};
  if (wasOver(period['end'], at, days)) return NONE;
  const targets =
    isObject(consent['modifierExtension']) || Array.isArray(consent['modifierExtension'])
      ? undefined
      : recipients(provision);
  const effectiveFrom = dayOrInstant(period['start']);
  return {
    kind: 'opt-out',
    scope: targets === undefined ? 'global' : 'provider-specific',
    ...(targets !== undefined && { targets }),
    ...(effectiveFrom !== undefined && { effectiveFrom }),
    setBy: setBy(consent['performer']),
  };
}

/**
 * Whether a period with this end was over. One that cannot be read has no end; neither has a time of day without a
 * zone.
 */
function wasOver(end: unknown, at: number, days: PayerDays): boolean {
  if (typeof end !== 'string' || dateRange(end) === undefined || (end.includes('T') && !isInstant(end))) return false;
  return days.restrictsUntil(end) <= at;
}

/** The member whom a Consent names by a literal reference to a Patient; undefined where it names none in that way. */
export function patientOfConsent(consent: Readonly<Record<string, unknown>>): string | undefined {
  const { patient } = consent;
  const reference =
    isObject(patient) && typeof patient['reference'] === 'string' ? parseReference(patient['reference']) : undefined;
  return (reference?.kind === 'relative' || reference?.kind === 'absolute') && reference.type === 'Patient'
    ? reference.id
    : undefined;
}

/**
 * Whether scope or category say that the Consent is about research, an advance directive, or another API than Provider
 * Access.
 */
function isAboutSomethingElse({ scope, category }: Readonly<Record<string, unknown>>): boolean {
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
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next)) open.push(...(next as unknown[]));
    else if (isObject(next)) {
      if (next['type'] !== undefined && next['type'] !== 'permit') return true;
      open.push(next['provision']);
    }
  }
  return false;
}

/** Elements of a deny provision that are understood: nothing else may narrow it. */
const UNDERSTOOD = new Set(['type', 'period', 'actor', 'action']);
const PERFORMER = { system: `${CODES}provenance-participant-type`, code: 'performer' };
const RECIPIENT = { system: `${CODES}v3-ParticipationType`, code: 'IRCP' };
const DISCLOSE = { system: `${CODES}consentaction`, code: 'disclose' };

/** The providers to whom disclosure is denied; undefined: to all, or it is not understood to whom. */
function recipients(provision: unknown): ConsentOptOut['targets'] | undefined {
  if (
    !isObject(provision) ||
    provision['type'] !== 'deny' ||
    Object.keys(provision).some((name) => !UNDERSTOOD.has(name))
  )
    return undefined;
  const { action, actor } = provision;
  if (action !== undefined && !(Array.isArray(action) && action.every((a) => isOnly(a, DISCLOSE)))) return undefined;
  const targets: ({ npi: string } | { tin: string })[] = [];
  for (const one of Array.isArray(actor) ? (actor as unknown[]) : []) {
    if (!isObject(one) || Object.keys(one).some((name) => name !== 'role' && name !== 'reference')) return undefined;
    // The actor that discloses is the payer itself.
    if (isOnly(one['role'], PERFORMER)) continue;
    const target = isOnly(one['role'], RECIPIENT) ? identified(one['reference']) : undefined;
    if (target === undefined) return undefined;
    targets.push(target);
  }
  return targets.length > 0 && targets.length <= MAX_TARGETS ? targets : undefined;
}
/** As many as an opt-out event may name. */
const MAX_TARGETS = 100;

function identified(reference: unknown): { npi: string } | { tin: string } | undefined {
  const identifier = isObject(reference) ? reference['identifier'] : undefined;
  const { system, value } = isObject(identifier) ? identifier : {};
  if (typeof value !== 'string') return undefined;
  if (system === US_NPI && isNpi(value)) return { npi: value };
  return system === US_EIN && isTin(value) ? { tin: value } : undefined;
}

interface Coding {
  readonly system: unknown;
  readonly code: unknown;
}
/** undefined when it is no CodeableConcept. */
function codingsOf(concept: unknown): readonly Coding[] | undefined {
  if (!isObject(concept)) return undefined;
  const { coding = [] } = concept;
  if (!Array.isArray(coding) || !coding.every(isObject)) return undefined;
  return coding.map(({ system, code }) => ({ system, code }));
}
const hasCode = (concept: unknown, system: string, codes: readonly string[]): boolean =>
  codingsOf(concept)?.some((c) => c.system === system && codes.includes(c.code as string)) === true;
/** A concept with one coding, which is this one. */
function isOnly(concept: unknown, { system, code }: Coding): boolean {
  const codings = codingsOf(concept);
  return codings?.length === 1 && codings[0]!.system === system && codings[0]!.code === code;
}

/**
 * A FHIR dateTime as a day or an instant; undefined for one that does not exist, and for one that stands for "no date".
 */
function dayOrInstant(value: unknown): string | undefined {
  if (typeof value !== 'string' || dateRange(value) === undefined || value.startsWith('9999')) return undefined;
  if (value.includes('T')) return isInstant(value) ? value : undefined;
  return `${value}-01-01`.slice(0, 10);
}

function setBy(performer: unknown): ConsentOptOut['setBy'] {
  const [first] = Array.isArray(performer) ? (performer as unknown[]) : [];
  const reference =
    isObject(first) && typeof first['reference'] === 'string' ? parseReference(first['reference']) : undefined;
  const type = reference?.kind === 'relative' || reference?.kind === 'absolute' ? reference.type : undefined;
  return type === undefined || type === 'Patient'
    ? 'member'
    : type === 'RelatedPerson'
      ? 'personal-representative'
      : 'payer';
}
