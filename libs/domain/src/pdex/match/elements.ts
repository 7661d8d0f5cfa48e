import { checkResourceCodes, isObject } from '@provider-access/fhir';

export type Json = Readonly<Record<string, unknown>>;
/** What is wrong with an element. It has no value of the element. */
export interface Fault {
  readonly element: string;
  readonly text: string;
}
export const faultAt = (element: string, text: string): Fault => ({ element, text });

/** No name, id or ZIP is longer. Longer texts would only make the index and its queries dear. */
const LONGEST = 200;
/** Of a list whose entries a search or a decision compares. */
const MOST = 20;

export const objectsOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
export const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

/** What is wrong with a text that is compared. An absent text has no fault. */
export function textFault(element: string, value: unknown): Fault | undefined {
  if (value === undefined) return undefined;
  if (!isText(value)) return faultAt(element, 'must be a text that is not empty');
  return value.length > LONGEST ? faultAt(element, `is longer than ${LONGEST} characters`) : undefined;
}
export const listFault = (element: string, value: unknown, most = MOST): Fault | undefined =>
  Array.isArray(value) && value.length > most ? faultAt(element, `has more than ${most} entries`) : undefined;

/** How the check of the shape says what is missing. The element is a place of its own here. */
const REQUIRED = /^([a-z][A-Za-z[\]]*) is required$/;
/** The first departure of a resource from base R4, with the name of its part in the place of its type. */
export function shapeFault(resource: Json, type: string, part: string): Fault | undefined {
  const { issues, codes } = checkResourceCodes(resource);
  const [issue] = [...issues, ...codes];
  if (issue === undefined) return undefined;
  const path = issue.path.startsWith(type) ? part + issue.path.slice(type.length) : part;
  const [, missing] = REQUIRED.exec(issue.message) ?? [];
  return missing === undefined ? faultAt(path, issue.message) : faultAt(`${path}.${missing}`, 'is required');
}

/** Whether a CodeableConcept, or one of a list, has the code. */
export const hasCoding = (concept: unknown, system: string, code: string): boolean =>
  (Array.isArray(concept) ? objectsOf(concept) : isObject(concept) ? [concept] : []).some(({ coding }) =>
    objectsOf(coding).some((c) => c['system'] === system && c['code'] === code),
  );
