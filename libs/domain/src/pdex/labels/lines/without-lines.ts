import type { FhirResource } from '@provider-access/fhir';
import { checkProfiles } from '../../feeds/check-profiles.ts';
import { servicePeriod } from '../../service-date.ts';
import { codeListsInForce } from '../in-force.ts';
import { MOST_TAGS, type Tagger } from '../codes/tagger.ts';
import type { Label } from '../names.ts';
import { asCut, isTag, tagged } from '../tag.ts';
import { LineCut } from './line-cut.ts';
import { isOrdinary } from './ordinary.ts';

/** The labels of lists of which a line is withheld alone, and what finds their codes. */
interface LineRules {
  readonly lines: readonly Label[];
  readonly tagger: Tagger;
}
/** A claim without the lines that lists of codes withhold. */
export interface WithoutLines {
  readonly resource: FhirResource;
  /** The tags of the claim. Those of which lines were cut have another form (`asCut`), and the policy releases them. */
  readonly tags: readonly Label[];
}

/**
 * Takes the lines with sensitive codes out of a claim, with all that tells of them, if the policy withholds a line
 * alone for their labels (`withhold line`, ADR 0115). Undefined if it does not, or if the rest cannot be served because
 * something in the claim is not understood. The tags then withhold the whole claim. Pure.
 * @param claim redacted
 * @param tags those of the claim as it was sent
 * @param rules default: those in force
 */
export function withoutLines(
  claim: FhirResource,
  tags: readonly Label[],
  { lines, tagger }: LineRules = codeListsInForce(),
): WithoutLines | undefined {
  if (lines.length === 0 || tags.length === 0) return undefined;
  const isOfLine = (tag: Label): boolean => isTag(tag) && lines.includes(tagged(tag));
  const wanted = tags.filter(isOfLine);
  if (wanted.length === 0 || mayLackTags(tags) || !isOrdinary(claim)) return undefined;
  const period = servicePeriod(claim);
  const cut = new LineCut(claim, (part, isInside) =>
    tagger.tagsIn(period, tagger.hitsIn(part, isInside)).filter(isOfLine),
  );
  // A code of a part that redaction removed, or of the claim as a whole, is in no line.
  if (cut.rest === undefined || !wanted.every((tag) => cut.tags.has(tag))) return undefined;
  return {
    resource: checkProfiles(cut.rest, {}).resource,
    tags: tags.map((tag) => (isOfLine(tag) ? asCut(tag) : tag)),
  };
}

/** Whether the tagger left out tags because there were too many. */
function mayLackTags(tags: readonly Label[]): boolean {
  const byLabel = [...Map.groupBy(tags, tagged).values()];
  const most = Math.max(1, Math.floor(MOST_TAGS / byLabel.length));
  return byLabel.some((some) => some.length >= most);
}
