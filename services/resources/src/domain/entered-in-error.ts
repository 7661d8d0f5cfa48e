import { type FhirResource, isObject } from '@provider-access/fhir';
import { redact } from '@provider-access/domain/pdex';
import { type AcceptedContent, encodeContent } from './content.ts';

/** The elements that R4 requires, and those by which a reader recognises the prior authorization. */
const KEPT = [
  'identifier',
  'status',
  'type',
  'use',
  'patient',
  'created',
  'insurer',
  'provider',
  'outcome',
  'insurance',
] as const;

/**
 * What a read answers of a prior authorization that was entered in error: that it exists, and its status. Diagnoses,
 * items and decisions stay out, because they were never true. It claims no profile, because it has not what a profile
 * requires. Undefined for any other resource.
 */
export function enteredInErrorContent(resource: FhirResource, id: string): AcceptedContent | undefined {
  if (resource.resourceType !== 'ExplanationOfBenefit' || resource['use'] !== 'preauthorization') return undefined;
  const redacted = redact(resource).resource;
  const kept: Record<string, unknown> = {};
  for (const name of KEPT) if (redacted[name] !== undefined) kept[name] = redacted[name];
  // An insurer or a provider may be a contained resource.
  if (redacted['contained'] !== undefined && JSON.stringify(kept).includes('"#'))
    kept['contained'] = redacted['contained'];
  const { profile: _profile, ...meta } = isObject(redacted['meta']) ? redacted['meta'] : {};
  const resourceType = 'ExplanationOfBenefit';
  return encodeContent({ resourceType, meta, ...kept } as FhirResource, id, [], undefined, { resource });
}
