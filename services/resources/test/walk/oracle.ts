import { type NoteCode, redact, walkResource } from '@provider-access/domain/pdex';
import { codeListsInForce, type Hit, labelsOf, mayLabel } from '@provider-access/domain/pdex/labels';
import { carriedReferencesOf, checkResourceCodes, type FhirResource } from '@provider-access/fhir';
import { insideOf } from '../../src/domain/inside.ts';

export const BASE = 'https://payer.example/fhir';

/** How many resources had a code of a list, and how many had a label. */
export const found = { tagged: 0, labelled: 0 };

export type Verdict = 'equal' | 'passed on' | `difference: ${string}`;

/** A resource inside another one that a rule drops: here those without a number in their id. */
const keeps = ({ id, status }: FhirResource): boolean => id !== 'gone' && status !== 'entered-in-error';

/**
 * Compares the walk with the four functions that it replaces. A difference names the function, and quotes both results.
 */
export function verdictOf(resource: FhirResource): Verdict {
  const before = JSON.stringify(resource);
  const { tagger } = codeListsInForce();
  const hits: Hit[] = [];
  const note: NoteCode = (name, value, structure, inContained) => {
    const hit = tagger.hitOf(name, value, structure, inContained);
    if (hit !== undefined) hits.push(hit);
  };
  let mayBeLabelled = false;
  const noteLabel = (name: string, value: unknown): void => {
    mayBeLabelled ||= mayLabel(name, value);
  };
  // A check of a text is another one if the text has no escape.
  // eslint-disable-next-line no-control-regex -- all of ASCII
  const isPlain = /^[\u0000-\u007f]*$/.test(before) && !before.includes('\\');
  const walked = walkResource(resource, { base: BASE, keeps, note, noteLabel, isPlain });
  if (JSON.stringify(resource) !== before) return 'difference: the walk changed its input';
  if (walked === undefined) return 'passed on';
  const { issues, codes } = checkResourceCodes(resource);
  if (issues.length + codes.length > 0) return difference('checkResourceCodes', 'no fault', [...issues, ...codes]);
  const inside = insideOf(resource);
  const { resources, urls, identifiers } = inside;
  const unusual = resources.length + urls.length + identifiers.length;
  const plain = unusual === 0 && !inside.references.some(({ conditional, inner }) => conditional || inner);
  // A resource may be plain that the walk takes for unusual: `insideOf` decides then.
  if (walked.plain && !plain) return difference('insideOf', walked.plain, plain);
  const redacted = redact(resource, keeps);
  if ((walked.resource === resource) !== (redacted.resource === resource)) return 'difference: redact: the same object';
  if (JSON.stringify(walked.resource) !== JSON.stringify(redacted.resource))
    return difference('redact', walked.resource, redacted.resource);
  if (JSON.stringify(walked.dropped) !== JSON.stringify(redacted.dropped))
    return difference('counts of redact', walked.dropped, redacted.dropped);
  const references = carriedReferencesOf(redacted.resource, BASE);
  if (JSON.stringify(walked.references) !== JSON.stringify(references))
    return difference('carriedReferencesOf', walked.references, references);
  const labels = labelsOf(redacted.resource, resource);
  if (labels.length > 0) found.labelled += 1;
  if (labels.length > 0 && !mayBeLabelled) return difference('labelsOf', [], labels);
  if (isPlain && walked.written.size !== before.length) return difference('size', walked.written.size, before.length);
  const tags = tagger.search(resource);
  if (tags.length > 0) found.tagged += 1;
  if (JSON.stringify(tagger.tagsOf(resource, hits)) !== JSON.stringify(tags))
    return difference('tags', tagger.tagsOf(resource, hits), tags);
  return 'equal';
}

const difference = (what: string, walk: unknown, oracle: unknown): Verdict =>
  `difference: ${what}: ${JSON.stringify(walk)} instead of ${JSON.stringify(oracle)}`;
