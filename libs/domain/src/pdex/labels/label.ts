import { type FhirResource, isObject, LABEL_ELEMENTS } from '@provider-access/fhir';
import { codeListsInForce } from './in-force.ts';
import { DRUG_AUTHORIZATION, isDrugAuthorization } from './drugs.ts';
import { type Label, labelOfText, normalLabel, UNREADABLE_LABEL } from './names.ts';

/** Raise it when `labelsOf` or the tagger finds more than before. */
const VERSION = '3';
/**
 * Names the rules by which labels and tags are found: those of this release, and the lists of codes in force. Labels
 * that other rules found are looked for again, wherever they are read (`labelsOfRecord`).
 */
export function labelRules(): string {
  const { digest } = codeListsInForce();
  // Asked for each record of a page. One text for all makes a comparison cheap.
  if (digest !== rules.digest) rules = { digest, text: `${VERSION}.${digest}` };
  return rules.text;
}
let rules: { readonly digest?: string; readonly text: string } = { text: '' };

const MAX_LENGTH = 256;
const MAX_LABELS = 100;
/** The URL of an inline label (`INLINE_LABEL`), also under another base, with a version, or with a slash at the end. */
const INLINE = /(?:^|\/)extension-inline-sec-label\/?(?:[|#].*)?$/;
/**
 * The JSON text of every resource with a label contains one of these, because JSON.stringify escapes nothing in them:
 * `security` and `securityLabel`, `confidentiality`, the URL of an inline label, or the use of a prior authorization.
 * None begins with a quotation mark, because a search would stop at every quotation mark of the text.
 */
const MARKS = ['security', 'confidentiality', 'inline-sec-label', 'preauthorization"'] as const;

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

/** Elements that label content, by name. A name counts at every place, also where R4 does not have it. */
const ELEMENTS: ReadonlyMap<string, { readonly system: string }> = new Map(
  LABEL_ELEMENTS.filter(({ path, not }) => path !== 'Meta.security' && not === undefined).map(({ path, system }) => [
    nameOf(path),
    { system: system ?? '' },
  ]),
);
/** `Type.name` of elements that have such a name and label no content. */
const NO_LABEL: ReadonlySet<string> = new Set(
  LABEL_ELEMENTS.filter(({ not }) => not !== undefined).map(({ path }) => `${path.split('.', 1)[0]!}.${nameOf(path)}`),
);
/** `securityLabel` of `Contract.term.securityLabel.category`, and the last name of other paths. */
function nameOf(path: string): string {
  const names = path.split('.');
  return names.find((name) => name === 'securityLabel') ?? names.at(-1)!;
}

function collect(resource: FhirResource, found: Set<Label>, isDrug: typeof isDrugAuthorization): void {
  // Two lists, because a pair for each element would be the most garbage that a labelled resource makes.
  const open: unknown[] = [resource];
  const types = [''];
  while (open.length > 0) {
    const next = open.pop();
    const within = types.pop()!;
    if (Array.isArray(next)) {
      for (const item of next as unknown[]) {
        open.push(item);
        types.push(within);
      }
      continue;
    }
    if (!isObject(next)) continue;
    const { meta, url, resourceType } = next;
    const type = typeof resourceType === 'string' ? resourceType : within;
    if (typeof resourceType === 'string' && isObject(meta) && meta['security'] !== undefined)
      for (const coding of [meta['security']].flat() as unknown[]) addCoding(coding, found);
    if (isDrug(next)) found.add(DRUG_AUTHORIZATION);
    if (typeof url === 'string' && INLINE.test(url)) addCoding(next['valueCoding'], found);
    for (const name in next) {
      const child = next[name];
      const element = ELEMENTS.get(name.startsWith('_') ? name.slice(1) : name);
      if (element !== undefined && !NO_LABEL.has(`${type}.${name}`)) {
        // `_confidentiality` alone says that there is a label, and not which one.
        if (!name.startsWith('_')) addCoded(child, element.system, found);
        else if (next[name.slice(1)] === undefined) found.add(UNREADABLE_LABEL);
      }
      if (typeof child !== 'object') continue;
      open.push(child);
      types.push(type);
    }
  }
}

/** Adds the labels of an element: a code, a Coding, a CodeableConcept, a structure of these, or a list of them. */
function addCoded(value: unknown, system: string, found: Set<Label>): void {
  if (Array.isArray(value)) for (const each of value as unknown[]) addCoded(each, system, found);
  else if (typeof value === 'string') addCoding({ system, code: value }, found);
  else if (!isObject(value) || 'code' in value || 'system' in value || 'display' in value) addCoding(value, found);
  else if ('coding' in value || 'text' in value) {
    const given = [value['coding'] ?? []].flat() as unknown[];
    const codings = given.length === 0 ? [undefined] : given;
    for (const each of codings) addCoding(each, found);
    addText(value['text'], codings, found);
  } else {
    const parts = Object.entries(value).flatMap(([name, part]) =>
      typeof part !== 'object' || /extension$/i.test(name) ? [] : [part],
    );
    if (parts.length === 0) found.add(UNREADABLE_LABEL);
    addCoded(parts, system, found);
  }
}

function addCoding(coding: unknown, found: Set<Label>): void {
  found.add(labelOf(coding));
  if (isObject(coding)) addText(coding['display'], [coding], found);
}
/** A text beside codes may name a stricter label than they do. */
function addText(text: unknown, codings: readonly unknown[], found: Set<Label>): void {
  const label = typeof text === 'string' && text.length <= MAX_LENGTH ? labelOfText(text) : undefined;
  if (label !== undefined && !codings.some((coding) => normalLabel(labelOf(coding)) === label)) found.add(label);
}

function labelOf(coding: unknown): Label {
  const { system, code } = isObject(coding) ? coding : {};
  if (typeof code !== 'string' || code === '') return UNREADABLE_LABEL;
  const label = `${typeof system === 'string' ? system : ''}|${code}`;
  return label.length <= MAX_LENGTH ? label : UNREADABLE_LABEL;
}

/**
 * Whether a member of a resource may be a label, or a reason of one. A resource without such a member has no label, if
 * all of its elements are of R4. The walk asks for each member of one of these names.
 */
export const mayLabel = (name: string, value: unknown): boolean =>
  name === 'use'
    ? value === 'preauthorization'
    : name !== 'url' || (typeof value === 'string' && value.includes('inline-sec-label'));

/** Whether the text of an encoded resource may contain a label. Without one, nobody has to search the resource. */
export const mentionsLabel = (text: string | Buffer): boolean => MARKS.some((mark) => text.includes(mark));
