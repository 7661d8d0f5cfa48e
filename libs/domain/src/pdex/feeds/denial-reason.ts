import { type FhirResource, isObject } from '@provider-access/fhir';
import { PAS, PDEX } from '../codes.ts';

type Node = Readonly<Record<string, unknown>>;

/** The profile of PDex for prior authorizations. Its slice `denialreason` has the reason that CMS asks for. */
export const PRIOR_AUTHORIZATION = `${PDEX}pdex-priorauthorization`;
/** PDex took the extension over from PAS. Payers use both. */
const urlsOf = (name: string): ReadonlySet<unknown> => new Set([PDEX + name, PAS + name]);
const REVIEW_ACTION = urlsOf('extension-reviewAction');
const REVIEW_ACTION_CODE = urlsOf('extension-reviewActionCode');
const DISCRIMINATOR = `${PDEX.replace('StructureDefinition', 'CodeSystem')}PDexAdjudicationDiscriminator`;
/** X12 306: not certified. */
const DENIED = 'A3';

const nodesOf = (value: unknown): readonly Node[] => (Array.isArray(value) ? value.filter(isObject) : []);
const codingsOf = (concept: unknown): readonly Node[] => (isObject(concept) ? nodesOf(concept['coding']) : []);

const isDenialReason = ({ category }: Node): boolean =>
  codingsOf(category).some(({ system, code }) => system === DISCRIMINATOR && code === 'denialreason');

/** Whether the adjudication has the review action that denies. */
const isDenied = ({ extension }: Node): boolean =>
  nodesOf(extension).some(
    (action) =>
      REVIEW_ACTION.has(action['url']) &&
      nodesOf(action['extension']).some(
        ({ url, valueCodeableConcept }) =>
          REVIEW_ACTION_CODE.has(url) && codingsOf(valueCodeableConcept).some(({ code }) => code === DENIED),
      ),
  );

const hasText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';
const saysWhy = (adjudication: Node): boolean =>
  isDenialReason(adjudication) &&
  isObject(adjudication['reason']) &&
  (hasText(adjudication['reason']['text']) || codingsOf(adjudication['reason']).some(({ code }) => hasText(code)));

/** Whether the resource is a prior authorization. */
export const isPriorAuthorization = (resource: FhirResource): boolean =>
  resource.resourceType === 'ExplanationOfBenefit' && resource['use'] === 'preauthorization';

/**
 * Elements of a denied prior authorization that lack the reason of the denial, which CMS asks for (42 CFR
 * 422.119(b)(1)(iv)(A)). A reason in the header counts for items, and a reason of an item for the header, so that no
 * reason is called missing that a reader could find.
 * @returns ids of elements of `PRIOR_AUTHORIZATION`, each once
 */
export function missingDenialReasons(resource: FhirResource): readonly string[] {
  const header = nodesOf(resource['adjudication']);
  const items = [...nodesOf(resource['item']), ...nodesOf(resource['addItem'])].map((item) =>
    nodesOf(item['adjudication']),
  );
  const denies = (adjudications: readonly Node[]): boolean =>
    adjudications.some((one) => isDenied(one) || isDenialReason(one));
  if (header.some(saysWhy)) return [];
  const without = items.filter((item) => denies(item) && !item.some(saysWhy));
  const missing: string[] = [];
  if (denies(header) && !items.some((item) => item.some(saysWhy)))
    missing.push('ExplanationOfBenefit.adjudication:denialreason.reason');
  if (without.length > 0) missing.push('ExplanationOfBenefit.item.adjudication:denialreason.reason');
  return missing;
}
