import { isId, isObject } from '@provider-access/fhir';
import { type Json, objectsOf } from './elements.ts';
import { personKey } from './patient.ts';

/**
 * One `MemberBundle` of a request. Contained ids are unique within the request, so each result can use them, whichever
 * entries a download leaves out.
 */
export interface SubmittedBundle {
  /** Position in the request, from 1. */
  readonly place: number;
  /** The parameter as submitted. */
  readonly part: unknown;
  /** Ids of the contained Patient and Coverage: the submitted ones, unless another bundle has the same. */
  readonly ids: { readonly patient: string; readonly coverage: string };
  /** Whether the request has another bundle of the same person, so that results name the Coverage too (M58). */
  readonly isRepeated: boolean;
}

/** Why a body as a whole cannot be used (M5): a 400. */
export type ReadRequest =
  { readonly ok: true; readonly bundles: readonly SubmittedBundle[] } | { readonly ok: false; readonly text: string };

const BUNDLE_NAMES: readonly unknown[] = ['MemberBundle', 'MembersToMatch'];

/** The bundles of a request, from JSON.parse. It reads ids and names only; `readBundle` judges each bundle. */
export function readRequest(body: unknown): ReadRequest {
  if (!isObject(body) || body['resourceType'] !== 'Parameters')
    return { ok: false, text: 'The body must be a JSON object with resourceType: Parameters.' };
  const found = objectsOf(body['parameter']).filter(({ name }) => BUNDLE_NAMES.includes(name));
  if (found.length === 0)
    return { ok: false, text: 'The Parameters must have at least one parameter with the name MemberBundle.' };
  const submitted = found.map((part) => ({
    part,
    patient: resourceOf(part, 'MemberPatient'),
    coverage: resourceOf(part, 'CoverageToMatch'),
  }));
  const patients = idsFor(submitted.map(({ patient }) => patient));
  const coverages = idsFor(
    submitted.map(({ coverage }) => coverage),
    new Set(patients),
  );
  const persons = submitted.map(({ patient }) => personKey(patient));
  const counts = new Map<string, number>();
  for (const person of persons) if (person !== undefined) counts.set(person, (counts.get(person) ?? 0) + 1);
  return {
    ok: true,
    bundles: submitted.map(({ part }, at) => {
      const person = persons[at];
      return {
        place: at + 1,
        part,
        ids: { patient: patients[at]!, coverage: coverages[at]! },
        isRepeated: person !== undefined && counts.get(person)! > 1,
      };
    }),
  };
}

const resourceOf = ({ part }: Json, name: string): unknown =>
  objectsOf(part).find((one) => one['name'] === name)?.['resource'];

/** No longer id fits behind its place. */
const LONGEST_STEM = 48;
/**
 * An id for each resource: its own, or, if that is none or an earlier resource has it, one made of it and its place.
 * @param taken ids that are none of these
 */
function idsFor(resources: readonly unknown[], taken = new Set<string>()): readonly string[] {
  const own = resources.map((resource) => {
    const id = isObject(resource) ? resource['id'] : undefined;
    if (!isId(id) || taken.has(id)) return undefined;
    taken.add(id);
    return id;
  });
  return own.map((id, at) => {
    if (id !== undefined) return id;
    const submitted = isObject(resources[at]) ? resources[at]['id'] : undefined;
    const stem = isId(submitted) ? submitted.slice(0, LONGEST_STEM) : 'bundle';
    // Each try that fails meets an id of the request, and meets it once.
    for (let further = 0; ; further++) {
      const made = further === 0 ? `${stem}-${at + 1}` : `${stem}-${at + 1}.${further}`;
      if (taken.has(made)) continue;
      taken.add(made);
      return made;
    }
  });
}
