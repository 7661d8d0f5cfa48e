import { isNpi } from '@provider-access/events';
import { dateRange, isObject, parseReference } from '@provider-access/fhir';
import { US_NPI } from '../codes.ts';
import { CONSENT_SCOPE } from '../consent.ts';
import type { Attestation } from './bundle.ts';
import { isLocalPatient, NOT_LOCAL } from './coverage.ts';
import { type Fault, faultAt, hasCoding, isText, type Json, listFault, objectsOf } from './elements.ts';

const PERFORMERS: readonly unknown[] = ['Practitioner', 'PractitionerRole', 'Organization'];
const HOUR_MS = 3_600_000;
/** A day without a zone begins and ends first at UTC+14 and last at UTC-12. */
const [AHEAD_MS, BEHIND_MS] = [14 * HOUR_MS, 12 * HOUR_MS];

/** What a valid Consent lacks as an attestation (M14 to M18). @param now RFC 3339 instant */
export function attestationFault(consent: Json, part: string, patient: string, now: string): Fault | undefined {
  const { status, scope, dateTime, policy, policyRule } = consent;
  if (status !== 'active' && status !== 'entered-in-error')
    return faultAt(`${part}.status`, 'must be active, or entered-in-error for a withdrawal');
  if (!hasCoding(scope, CONSENT_SCOPE, 'patient-privacy'))
    return faultAt(`${part}.scope`, `must have the code patient-privacy of ${CONSENT_SCOPE}`);
  if (consent['patient'] === undefined) return faultAt(`${part}.patient`, 'is required');
  if (!isLocalPatient(consent['patient'], patient)) return faultAt(`${part}.patient`, NOT_LOCAL);
  if (!isText(dateTime)) return faultAt(`${part}.dateTime`, 'is required');
  if (consent['modifierExtension'] !== undefined)
    return faultAt(`${part}.modifierExtension`, 'could change what the Consent means, and is not understood');
  if (policyRule === undefined && objectsOf(policy).length === 0)
    return faultAt(`${part}.policy`, 'is required, or policyRule in its place (ppc-1)');
  return performerFault(consent['performer'], `${part}.performer`) ?? provisionFault(consent, `${part}.provision`, now);
}

function performerFault(performers: unknown, place: string): Fault | undefined {
  if (!Array.isArray(performers) || performers.length === 0) return faultAt(place, 'is required');
  const tooMany = listFault(place, performers);
  if (tooMany !== undefined) return tooMany;
  for (const [at, performer] of objectsOf(performers).entries())
    if (!isPerformer(performer))
      return faultAt(`${place}[${at}]`, 'must be a Practitioner, PractitionerRole or Organization');
  return npisOf(performers).length > 0 ? undefined : faultAt(place, 'must have an NPI with a right check digit');
}

function isPerformer({ reference, type }: Json): boolean {
  if (type !== undefined && !PERFORMERS.includes(type)) return false;
  if (typeof reference !== 'string') return true;
  const parsed = parseReference(reference);
  return parsed.kind !== 'literal' || PERFORMERS.includes(parsed.type);
}

/** The NPIs of performers, each once. */
function npisOf(performers: unknown): readonly string[] {
  const values = objectsOf(performers).map(({ identifier }) =>
    isObject(identifier) && identifier['system'] === US_NPI ? identifier['value'] : undefined,
  );
  return [...new Set(values.filter((value): value is string => isText(value) && isNpi(value)))];
}

function provisionFault({ status, provision }: Json, place: string, now: string): Fault | undefined {
  if (!isObject(provision)) return undefined;
  const { type, period } = provision;
  if (type !== undefined && type !== 'permit') return faultAt(`${place}.type`, 'must be permit');
  // Each of these would make an exception that nobody here evaluates.
  for (const element of ['provision', 'modifierExtension'])
    if (provision[element] !== undefined) return faultAt(`${place}.${element}`, 'is not understood in an attestation');
  // A withdrawal is one whenever the attestation was in force.
  if (status === 'entered-in-error' || !isObject(period) || containsNow(period, Date.parse(now))) return undefined;
  return faultAt(`${place}.period`, 'must contain the time of the request');
}

/** A day counts from where it begins first until where it ends last, because it has no zone. */
function containsNow({ start, end }: Json, now: number): boolean {
  if (typeof start === 'string') {
    const range = dateRange(start);
    if (range === undefined || range.start - (start.includes('T') ? 0 : AHEAD_MS) > now) return false;
  }
  if (typeof end !== 'string') return true;
  const range = dateRange(end);
  return range !== undefined && now < range.end + (end.includes('T') ? 0 : BEHIND_MS);
}

/**
 * Whether a Consent names another patient than the one of its bundle (M17). A reference that is none, or of a form that
 * names nobody here, is a mistake, and not this.
 */
export function isOfAnother(consent: unknown, patient: unknown): boolean {
  const subject = isObject(consent) ? consent['patient'] : undefined;
  if (!isObject(subject) || typeof subject['reference'] !== 'string' || typeof patient !== 'string') return false;
  const parsed = parseReference(subject['reference']);
  return parsed.kind === 'literal' && parsed.type === 'Patient' && (parsed.id !== patient || parsed.base !== undefined);
}

export function attestationOf(consent: Json): Attestation {
  const period = isObject(consent['provision']) ? consent['provision']['period'] : undefined;
  const { start, end } = isObject(period) ? period : {};
  return {
    npis: npisOf(consent['performer']),
    status: consent['status'] as Attestation['status'],
    at: consent['dateTime'] as string,
    ...((typeof start === 'string' || typeof end === 'string') && {
      period: { ...(typeof start === 'string' && { start }), ...(typeof end === 'string' && { end }) },
    }),
  };
}
