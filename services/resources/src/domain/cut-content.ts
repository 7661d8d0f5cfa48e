import { redact, serviceDate } from '@provider-access/domain/pdex';
import { codeListsInForce, type Persons, withoutLines } from '@provider-access/domain/pdex/labels';
import { carriedReferencesOf, type FhirResource } from '@provider-access/fhir';
import { type AcceptedContent, encodeContent, type Sent } from './content.ts';

/** Characters. The event of a claim without its lines has the claim twice. */
const LONGEST_CUT = 512 * 1024;
/** The content of a claim without its sensitive lines, if the policy withholds lines alone. Else the whole content. */
export function withoutTagged(
  kept: FhirResource,
  whole: AcceptedContent & { readonly tail: string },
  sent: Sent & { readonly tags: readonly string[] },
  { publicUrl, persons }: { readonly publicUrl: string | undefined; readonly persons: Persons },
): AcceptedContent {
  const cut = whole.tail.length > LONGEST_CUT ? undefined : withoutLines(kept, sent.tags);
  if (cut === undefined) return whole;
  const { resource, tags } = cut;
  const references = carriedReferencesOf(resource, publicUrl && `${publicUrl}/fhir`);
  const date = serviceDate(resource);
  const { references: all, serviceDate: day, tail } = whole;
  return {
    ...encodeContent(resource, resource['id'] as string, references, date, { ...sent, tags }, publicUrl, persons),
    whole: { references: all, tail, ...(day !== undefined && { serviceDate: day }) },
  };
}

/**
 * The tags of a resource that was entered in error, or is too old. A claim was served without its sensitive lines, so
 * its removal is no secret.
 */
export function tagsOfRemoved(resource: FhirResource): readonly string[] {
  const tags = codeListsInForce().tagger.search(resource);
  if (tags.length === 0) return tags;
  return withoutLines(redact(resource).resource, tags)?.tags ?? tags;
}
