import { type NoteCode, redact, walkResource, type Written } from '@provider-access/domain/pdex';
import { codeListsInForce, type Hit, mayLabel } from '@provider-access/domain/pdex/labels';
import { checkResourceCodes, type FhirResource, isServedType, type ShapeIssue } from '@provider-access/fhir';
import { type Inside, insideOf, NOTHING_INSIDE } from './inside.ts';

/** What `judge` has to know of a resource. The functions are called only for a resource without `issues`. */
interface ResourceReading {
  /** Departures from the structure of R4. */
  readonly issues: readonly ShapeIssue[];
  /** Codes that are not of the value set of a required binding. */
  readonly codes: readonly ShapeIssue[];
  readonly inside: () => Inside;
  /** Tags by the lists of codes in force, of the resource as the payer sent it. */
  readonly tags: () => readonly string[];
  /** What JSON.stringify writes of the resource, if that is known. */
  readonly written?: Written;
  /** Whether the resource may have a security label, if that is known. */
  readonly mayBeLabelled?: boolean;
  /** `references`: those of `carriedReferencesOf`, if they are known. */
  readonly redacted: () => {
    readonly resource: FhirResource;
    readonly dropped: Readonly<Record<string, number>>;
    readonly references?: readonly string[];
  };
}

interface HowToRead {
  /** Base of this server's URLs. */
  readonly base: string | undefined;
  /** False for a resource inside this one that must be dropped. */
  readonly keeps: (inner: FhirResource) => boolean;
  /** Whether several members may have the resource, so that it must not name a patient. */
  readonly isShared: boolean;
  /** Whether the resource comes from a JSON text of ASCII without escapes. */
  readonly isPlain?: boolean | undefined;
}

/** Reads a resource of a known type. Pure. */
export type ResourceReader = (resource: FhirResource, how: HowToRead) => ResourceReading;

/** Reads a resource with one function for each question. */
export const readByFunctions: ResourceReader = (resource, { keeps }) => ({
  ...checkResourceCodes(resource),
  inside: () => insideOf(resource),
  tags: () => codeListsInForce().tagger.search(resource),
  redacted: () => redact(resource, keeps),
});

const NONE: readonly ShapeIssue[] = [];

/** Reads a resource in one walk, and one with anything unusual as `readByFunctions` does. */
export const readInOneWalk: ResourceReader = (resource, how) => {
  const { tagger } = codeListsInForce();
  const hits: Hit[] = [];
  const note: NoteCode = (name, value, structure, inside) => {
    const hit = tagger.hitOf(name, value, structure, inside);
    if (hit !== undefined) hits.push(hit);
  };
  let mayBeLabelled = false;
  const noteLabel = (name: string, value: unknown): void => {
    mayBeLabelled ||= mayLabel(name, value);
  };
  const { base, keeps, isShared, isPlain = false } = how;
  const walked = isServedType(resource.resourceType)
    ? walkResource(resource, { base, keeps, note, noteLabel, isPlain })
    : undefined;
  if (walked === undefined) return readByFunctions(resource, how);
  return {
    issues: NONE,
    codes: NONE,
    inside: () => (walked.plain && !isShared ? NOTHING_INSIDE : insideOf(resource)),
    tags: () => tagger.tagsOf(resource, hits),
    written: walked.written,
    mayBeLabelled,
    redacted: () => walked,
  };
};
