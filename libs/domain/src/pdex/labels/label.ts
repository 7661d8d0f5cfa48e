import { type FhirResource, isObject } from '@provider-access/kernel/fhir';
import { DRUG_AUTHORIZATION, isDrugAuthorization } from './drugs.ts';

/**
 * A security label as text: `system|code`. A missing part is empty, so `|R` is a code without a system, and `|` is a
 * label without a code.
 */
export type Label = string;

/** A label that nobody can read: no code, or more text or labels than a resource can reasonably have. */
export const UNREADABLE_LABEL: Label = '|';
const MAX_LENGTH = 256;
const MAX_LABELS = 100;
/** The URL of an inline label (`INLINE_LABEL`), also with a version, a final slash or another scheme. */
const INLINE = /\/security-label-ds4p\/StructureDefinition\/extension-inline-sec-label\/?(?:\|.*)?$/;
/**
 * The JSON text of every resource with a label contains one of these, because JSON.stringify escapes nothing in them:
 * the element `security`, the URL of an inline label, or the use of a prior authorization. None begins with a quotation
 * mark, because a search would stop at every quotation mark of the text.
 */
const MARKS = ['security', 'preauthorization"'] as const;

/**
 * The labels of a resource, each once, in the order of their text. The labels of a resource inside it and those of one
 * of its elements count for the whole resource, because it is released as a whole. A prior authorization of drugs has
 * a label of ours.
 * @param sent the resource as the payer sent it. What redaction removed from it may be the reason of a label, and the
 * rest tells about it too, so labels of removed parts count as well.
 */
export function labelsOf(resource: FhirResource, sent?: FhirResource): readonly Label[] {
  const found = new Set<Label>();
  collect(resource, found, isDrugAuthorization);
  // Our own label is about what is served, so a removed part has none.
  if (sent !== undefined && sent !== resource) collect(sent, found, () => false);
  const labels = [...found].toSorted();
  // The labels that are left out could be the ones that withhold, so they count as unreadable.
  return labels.length <= MAX_LABELS ? labels : [UNREADABLE_LABEL, ...labels.slice(0, MAX_LABELS - 1)];
}

function collect(resource: FhirResource, found: Set<Label>, isDrug: typeof isDrugAuthorization): void {
  const open: unknown[] = [resource];
  while (open.length > 0) {
    const next = open.pop();
    if (Array.isArray(next)) {
      for (const item of next as unknown[]) open.push(item);
      continue;
    }
    if (!isObject(next)) continue;
    const { meta } = next;
    if (typeof next['resourceType'] === 'string' && isObject(meta) && meta['security'] !== undefined)
      for (const coding of [meta['security']].flat() as unknown[]) found.add(labelOf(coding));
    if (isDrug(next)) found.add(DRUG_AUTHORIZATION);
    const { url } = next;
    if (typeof url === 'string' && INLINE.test(url)) found.add(labelOf(next['valueCoding']));
    for (const child of Object.values(next)) if (typeof child === 'object') open.push(child);
  }
}

function labelOf(coding: unknown): Label {
  const { system, code } = isObject(coding) ? coding : {};
  if (typeof code !== 'string' || code === '') return UNREADABLE_LABEL;
  const label = `${typeof system === 'string' ? system : ''}|${code}`;
  return label.length <= MAX_LENGTH ? label : UNREADABLE_LABEL;
}

/** Whether the text of an encoded resource may contain a label. Without one, nobody has to search the resource. */
export const mentionsLabel = (text: string | Buffer): boolean => MARKS.some((mark) => text.includes(mark));
