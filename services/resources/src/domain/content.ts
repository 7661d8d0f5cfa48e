import { hash } from 'node:crypto';
import { type FhirResource, isObject } from '@provider-access/kernel/fhir';

/** A resource as accepted, encoded once: `head` + meta of the version + `tail` is the line. */
export interface AcceptedContent {
  /** sha256 of the content without versionId and lastUpdated. */
  readonly hash: string;
  /** sha256 of the resource as the payer sent it. */
  readonly sourceHash: string;
  readonly references: readonly string[];
  readonly serviceDate?: string;
  /** `{"resourceType":…,"id":…,"meta":{` */
  readonly head: string;
  /** What follows `lastUpdated`, up to the end of the line. */
  readonly tail: string;
}

/** Keeps of the payer's meta only what a reader needs; version and time are ours. */
const META = ['profile', 'security', 'tag'] as const;

/**
 * Encodes a redacted resource so that versionId and lastUpdated can be put in later without another stringify:
 * resourceType, id and meta
 * come first, the other elements keep the payer's order.
 */
export function encodeContent(
  resource: FhirResource,
  id: string,
  references: readonly string[],
  serviceDate: string | undefined,
  sourceHash: string,
): AcceptedContent {
  const { resourceType, id: _id, meta, ...rest } = resource;
  const kept: Record<string, unknown> = {};
  if (isObject(meta)) for (const name of META) if (meta[name] !== undefined) kept[name] = meta[name];
  const metaText = JSON.stringify(kept);
  const restText = JSON.stringify(rest);
  const head = `{"resourceType":${JSON.stringify(resourceType)},"id":${JSON.stringify(id)},"meta":{`;
  const moreMeta = metaText === '{}' ? '' : `,${metaText.slice(1, -1)}`;
  const tail = `${moreMeta}}${restText === '{}' ? '}' : `,${restText.slice(1)}`}`;
  const dated = serviceDate === undefined ? {} : { serviceDate };
  return { hash: hash('sha256', head + tail, 'base64url'), sourceHash, references, head, tail, ...dated };
}

/** Hash of a resource as the payer sent it. It is the same whatever rules of redaction a release has. */
export const sourceHashOf = (resource: object): string => hash('sha256', JSON.stringify(resource), 'base64url');

/** The line of a version. `lastUpdated` is an RFC 3339 instant. */
export const lineOf = (content: AcceptedContent, versionId: number, lastUpdated: string): string =>
  `${content.head}"versionId":"${versionId}","lastUpdated":"${lastUpdated}"${content.tail}`;
