import { dateRange, isObject, parseReference } from '@provider-access/fhir';
import { isPaidByUs, type PayerIdentity } from '../payer-identity.ts';
import type { Demographics } from './bundle.ts';
import { type Fault, faultAt, hasCoding, isText, type Json, listFault, objectsOf, textFault } from './elements.ts';

const V2_IDENTIFIER = 'http://terminology.hl7.org/CodeSystem/v2-0203';
const DAY_MS = 86_400_000;
/** A member whose coverage ended less than this before is still found (M33). */
const COVERAGE_LOOK_BACK_DAYS = 90;

const memberIdentifiers = (coverage: Json): readonly Json[] =>
  objectsOf(coverage['identifier']).filter(({ type }) => hasCoding(type, V2_IDENTIFIER, 'MB'));

/** Whether a Reference is `Patient/<id>`, the Patient of the same bundle (M17). */
export function isLocalPatient(reference: unknown, id: string): boolean {
  if (!isObject(reference) || typeof reference['reference'] !== 'string') return false;
  const parsed = parseReference(reference['reference']);
  return (
    parsed.kind === 'literal' &&
    parsed.base === undefined &&
    parsed.version === undefined &&
    parsed.type === 'Patient' &&
    parsed.id === id
  );
}
export const NOT_LOCAL = 'must be a reference to the MemberPatient of the same bundle, such as Patient/1';

/** What a valid Coverage lacks (M13, M17). */
export function coverageFault(coverage: Json, part: string, patient: string): Fault | undefined {
  const tooMany = listFault(`${part}.identifier`, coverage['identifier']);
  if (tooMany !== undefined) return tooMany;
  const ids = memberIdentifiers(coverage).filter(({ value }) => isText(value));
  if (ids.length === 0 && !isText(coverage['subscriberId']))
    return faultAt(`${part}.subscriberId`, 'is required, or an identifier of type MB in its place');
  for (const [at, { value }] of objectsOf(coverage['identifier']).entries()) {
    const wrong = textFault(`${part}.identifier[${at}].value`, value);
    if (wrong !== undefined) return wrong;
  }
  const wrong = textFault(`${part}.subscriberId`, coverage['subscriberId']);
  if (wrong !== undefined) return wrong;
  if (!isObject(coverage['relationship'])) return faultAt(`${part}.relationship`, 'is required');
  if (objectsOf(coverage['payor']).length !== 1) return faultAt(`${part}.payor`, 'must have exactly one entry');
  return isLocalPatient(coverage['beneficiary'], patient) ? undefined : faultAt(`${part}.beneficiary`, NOT_LOCAL);
}

export function idsOf(coverage: Json): Pick<Demographics, 'memberIds' | 'subscriberId'> {
  const { subscriberId } = coverage;
  return {
    memberIds: memberIdentifiers(coverage)
      .filter(({ value }) => isText(value))
      .map(({ system, value }) => ({ ...(typeof system === 'string' && { system }), value: value as string })),
    ...(isText(subscriberId) && { subscriberId }),
  };
}

/**
 * Whether a submitted Coverage can be one of this payer's members: its payor is this payer, its status says that it
 * holds, and it did not end more than 90 days before. Otherwise the member is NonMatched, as an unknown one is.
 * HRex's examples send the status `draft`.
 * @param now RFC 3339 instant
 */
export function isCoverageOfUs(coverage: Json, payer: PayerIdentity, now: string): boolean {
  const { status, period } = coverage;
  if (status !== 'active' && status !== 'draft') return false;
  const end = isObject(period) && typeof period['end'] === 'string' ? dateRange(period['end'])?.end : undefined;
  if (end !== undefined && end + COVERAGE_LOOK_BACK_DAYS * DAY_MS <= Date.parse(now)) return false;
  return isPaidByUs(coverage, payer);
}
