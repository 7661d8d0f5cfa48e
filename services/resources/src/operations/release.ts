import { basisOf } from '@provider-access/audit';
import { bufferOf, type ReleaseReason } from '@provider-access/events';
import { removedResource, unknownResource } from '@provider-access/kernel';
import { type FhirResource, isWhole, type Subset, subsetOf } from '@provider-access/fhir';
import type { Audited, Entry } from '@provider-access/service/operation';
import type { Found, Seen } from './find-resource.ts';

const membersOf = ({ member }: { readonly member?: string }) => (member === undefined ? [] : [member]);

/** The one answer for everything that a client may not see. */
export const refused = (about: Pick<Extract<Found, { kind: 'refused' }>, 'reason' | 'member'>): Audited => ({
  audit: [{ refused: { reason: about.reason, members: membersOf(about) } }],
  answer: unknownResource(),
});

/** What a client gets of a resource that it may see. `reason` says why it gets no content. */
export const released = (
  seen: Pick<Seen, 'member' | 'decision'>,
  resources: number,
  reason?: ReleaseReason,
): Entry => ({
  released: {
    members: membersOf(seen),
    resources,
    ...(reason !== undefined && { reason }),
    ...basisOf([seen.decision]),
  },
});

/** The resource was removed. The client learns that it was there, so the audit has it as a release. */
export const removed = (seen: Seen): Audited => ({ audit: [released(seen, 0, 'removed')], answer: removedResource() });

/** One version of a resource. `lastUpdated`: ms since the epoch. */
export const versionOf = (
  seen: Seen,
  {
    versionId,
    lastUpdated,
    line,
  }: { readonly versionId: number; readonly lastUpdated: number; readonly line: Uint8Array },
  shape: Subset,
): Audited => ({
  audit: [released(seen, 1)],
  unchanged: () => [released(seen, 0, 'not-modified')],
  answer: { version: { tag: versionId, lastUpdated }, body: partOf(line, shape) },
});

/** The stored line, or the part of it that the client asks for. */
function partOf(line: Uint8Array, shape: Subset): Buffer | (() => string) {
  const text = bufferOf(line);
  if (isWhole(shape)) return text;
  return () => JSON.stringify(subsetOf(JSON.parse(text.toString('utf8')) as FhirResource, shape));
}
