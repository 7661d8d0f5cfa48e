import { isObject } from '@provider-access/fhir';
import { attestationFault, attestationOf, isOfAnother } from './attestation.ts';
import type { ReadBundle } from './bundle.ts';
import { containable, invariantFault } from './contained.ts';
import { coverageFault, idsOf } from './coverage.ts';
import { type Fault, faultAt, type Json, listFault, shapeFault } from './elements.ts';
import { personFault, personOf } from './patient.ts';

/** The parts of a bundle, with the resource type and the former name of each (M10, M11). */
const PARTS = [
  { name: 'MemberPatient', type: 'Patient' },
  { name: 'CoverageToMatch', type: 'Coverage' },
  { name: 'Consent', type: 'Consent', former: 'TreatmentAttestation' },
] as const;
type PartName = (typeof PARTS)[number]['name'];
const MOST_PARTS = 50;

type Parts = Readonly<Partial<Record<PartName, unknown>>>;

/**
 * Reads one `MemberBundle` (MATCH.md M10 to M18). It never throws, whatever the value is.
 * @param part the parameter of the request, from JSON.parse
 * @param place position of the bundle in the request, from 1
 * @param now RFC 3339 instant of the request
 */
export function readBundle(part: unknown, place: number, now: string): ReadBundle {
  const { parts, fault } = partsOf(part);
  const { MemberPatient: patient, CoverageToMatch: coverage, Consent: consent } = parts;
  const contained = isObject(patient) ? containedPatient(patient) : undefined;
  const wrong =
    fault ??
    patientFault(patient, contained) ??
    partFault('CoverageToMatch', coverage, (valid, id) => coverageFault(valid, 'CoverageToMatch', id), patient) ??
    partFault('Consent', consent, (valid, id) => attestationFault(valid, 'Consent', id, now), patient);
  if (wrong === undefined)
    return {
      ok: true,
      bundle: {
        place,
        demographics: { ...personOf(patient as Json), ...idsOf(coverage as Json) },
        attestation: attestationOf(consent as Json),
        patient: contained!.resource,
        coverage: coverage as Json,
      },
    };
  return {
    ok: false,
    place,
    ...wrong,
    ...(contained?.fault === undefined &&
      contained !== undefined && { patient: containable(contained.resource, false) }),
    ...(isObject(patient) && isOfAnother(consent, patient['id']) && { securityEvent: true }),
  };
}

/** The resources of the parts, and what is wrong with the bundle as such. */
function partsOf(bundle: unknown): { readonly parts: Parts; readonly fault?: Fault } {
  if (!isObject(bundle)) return { parts: {}, fault: faultAt('MemberBundle', 'must be a JSON object') };
  const list = bundle['part'];
  if (!Array.isArray(list)) return { parts: {}, fault: faultAt('MemberBundle.part', 'must be a list of parts') };
  const tooMany = listFault('MemberBundle.part', list, MOST_PARTS);
  if (tooMany !== undefined) return { parts: {}, fault: tooMany };
  const parts: Partial<Record<PartName, unknown>> = {};
  let fault: Fault | undefined;
  for (const known of PARTS) {
    const { name } = known;
    const former = 'former' in known ? known.former : undefined;
    const named = list.filter(
      (part): part is Json =>
        isObject(part) && (part['name'] === name || (former !== undefined && part['name'] === former)),
    );
    const [first] = named;
    if (first === undefined) fault ??= faultAt(name, 'the part is missing');
    else if (named.length > 1)
      fault ??= faultAt(
        name,
        named.every((part) => part['name'] === first['name'])
          ? 'occurs more than once'
          : `${name} and ${former} are two names of one part, so give one of them`,
      );
    else parts[name] = first['resource'];
  }
  return { parts, ...(fault !== undefined && { fault }) };
}

/** The Patient as a result would contain it, and what makes it no valid FHIR. */
function containedPatient(patient: Json): { readonly resource: Json; readonly fault?: Fault } {
  const resource = containable(patient, true);
  const fault = typeFault('MemberPatient', resource) ?? invariantFault(resource, 'MemberPatient');
  return { resource, ...(fault !== undefined && { fault }) };
}

function typeFault(name: PartName, resource: unknown): Fault | undefined {
  const { type } = PARTS.find((part) => part.name === name)!;
  if (!isObject(resource)) return faultAt(name, `must be a JSON object, a ${type}`);
  if (resource['resourceType'] !== type) return faultAt(name, `the resource must be a ${type}`);
  return shapeFault(resource, type, name);
}

function patientFault(patient: unknown, contained: ReturnType<typeof containedPatient> | undefined): Fault | undefined {
  if (!isObject(patient) || contained === undefined) return typeFault('MemberPatient', patient);
  // The whole Patient is checked too, because a contained resource at fault is a fault of the request.
  return contained.fault ?? typeFault('MemberPatient', patient) ?? personFault(patient, 'MemberPatient');
}

function partFault(
  name: PartName,
  resource: unknown,
  further: (valid: Json, patient: string) => Fault | undefined,
  patient: unknown,
): Fault | undefined {
  return typeFault(name, resource) ?? further(resource as Json, (patient as { readonly id: string }).id);
}
