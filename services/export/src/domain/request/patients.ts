import { parseReference } from '@provider-access/fhir';
import { type Given, refusal } from './given.ts';

/** A reference of `patient`. Several references to one patient are one. */
export interface AskedPatient {
  /** Absent if the reference names no Patient of this server. */
  readonly id?: string;
  /** How a warning names the reference. */
  readonly name: string;
}

const MOST_PATIENTS = 10_000;

/**
 * The patients that the request names. Undefined if it has no `patient`; an empty list never means everybody.
 * @param base the absolute base of our FHIR resources
 */
export function readPatients(given: Given, base: string): readonly AskedPatient[] | undefined {
  if (!given.names().has('patient')) return undefined;
  const asked = new Map<string, AskedPatient>();
  given.values('patient').forEach((text, at) => {
    const id = patientId(text, base);
    // The text of a reference that names no Patient may be anything, so a warning gives its place.
    if (id === undefined) asked.set(`#${text}`, { name: `reference ${at + 1} of patient` });
    else asked.set(id, { id, name: `Patient/${id}` });
  });
  if (asked.size > MOST_PATIENTS)
    throw refusal('over-budget', 'patient', `An export names at most ${MOST_PATIENTS} patients. Use several exports.`);
  return [...asked.values()];
}

function patientId(text: string, base: string): string | undefined {
  const parsed = parseReference(text);
  if (parsed.kind !== 'literal' || parsed.type !== 'Patient' || parsed.version !== undefined) return undefined;
  return parsed.base === undefined || parsed.base === base ? parsed.id : undefined;
}
