import { hash } from 'node:crypto';
import { authorizationStatus } from '@provider-access/domain/pdex';
import {
  codeListsInForce,
  isCut,
  labelsOf,
  mentionsLabel,
  personLabels,
  type Persons,
  UNREADABLE_LABEL,
} from '@provider-access/domain/pdex/labels';
import { type FhirResource, indexKeys, isInstant, isObject, targetsOf } from '@provider-access/fhir';
import type { PackedTail } from './packed-tail.ts';

/** An accepted resource, encoded once. The line is `head`, then the meta of the version, then `tail`. */
export interface AcceptedContent {
  /**
   * sha256 of the content without versionId, lastUpdated and the payer's own lastUpdated, and of the labels of parts
   * that redaction removed.
   */
  readonly hash: string;
  /** sha256 of the resource as the payer sent it. */
  readonly sourceHash: string;
  readonly references: readonly string[];
  readonly serviceDate?: string;
  /**
   * Security labels, `system|code`, and tags, those of parts that redaction removed included, and labels of persons
   * inside.
   */
  readonly labels: readonly string[];
  /** `Type/id` of the targets of a Provenance; absent for another type. */
  readonly targets?: readonly string[];
  /** Hash of the status of a prior authorization; absent for another resource. */
  readonly status?: string;
  /** Search keys (`indexKeys`). */
  readonly keys: readonly string[];
  /** `{"resourceType":…,"id":…,"meta":{` */
  readonly head: string;
  /**
   * `meta.lastUpdated` of the payer, as an extension of `meta` with a comma before it; empty without one. It is not
   * part of the hash, because a payer that stamps a nightly dump with its time changes nothing (ADR 0046).
   */
  readonly payerUpdated: string;
  /** The text after that, to the end of the line. From the thread that reads events, its bytes. */
  readonly tail: string | PackedTail;
  /** Of a claim without its sensitive lines: what the claim has with them. */
  readonly whole?: Pick<AcceptedContent, 'references' | 'serviceDate' | 'tail'>;
}

/** A resource with more persons inside is withheld, and nobody asks who they are. */
const MOST_PERSONS = 100;
const NO_PERSONS: Persons = { ids: [], identifiers: [] };
export const areTooMany = ({ ids, identifiers }: Persons): boolean => ids.length + identifiers.length > MOST_PERSONS;
const labelsFor = (persons: Persons): readonly string[] =>
  areTooMany(persons) ? [UNREADABLE_LABEL] : personLabels(persons);

/** Elements kept of the payer's meta. The platform sets versionId and lastUpdated itself. */
const META = ['profile', 'security', 'tag'] as const;

/** A resource as the payer sent it. */
export interface Sent {
  readonly resource: FhirResource;
  /** What JSON.stringify writes of it, if that is known. */
  readonly text?: string | undefined;
  /** Its tags by the lists of codes in force. */
  readonly tags?: readonly string[];
  /** Whether it may have a security label. Default: the text tells. */
  readonly mayBeLabelled?: boolean | undefined;
}

/**
 * Encodes a redacted resource so that versionId and lastUpdated can be inserted later without encoding it again.
 * resourceType, id and meta come first; the other elements keep the payer's order.
 * @param sent labels of parts that redaction removed count for the rest
 */
export function encodeContent(
  resource: FhirResource,
  id: string,
  references: readonly string[],
  serviceDate: string | undefined,
  sent: Sent,
  publicUrl?: string,
  persons = NO_PERSONS,
): AcceptedContent & { readonly tail: string } {
  const { resourceType, meta } = resource;
  // Types and ids of R4 need no escapes.
  const head = `{"resourceType":"${resourceType}","id":"${id}","meta":{`;
  const sentText = sent.text ?? JSON.stringify(sent.resource);
  const whole = head + tailOf(resource, id, resource === sent.resource ? sentText : undefined);
  const labels = (sent.mayBeLabelled ?? mentionsLabel(sentText)) ? labelsOf(resource, sent.resource) : [];
  // Labels that the text does not have are hashed beside it, so that a change of them is a new version.
  const hidden = [...hiddenLabels(resource, labels), ...hiddenTags(resource, sent)];
  const status = authorizationStatus(resource);
  const content: Open & { readonly tail: string } = {
    hash: sha256(hidden.length === 0 ? whole : `${whole}\n${JSON.stringify(hidden)}`),
    sourceHash: sha256(sentText),
    references,
    labels: [...labels, ...(sent.tags ?? []), ...labelsFor(persons)],
    keys: indexKeys(resource),
    head,
    payerUpdated: payerUpdatedOf(meta, publicUrl),
    // The hash joined the texts of the line. The end of that text is not joined again when it is written.
    tail: whole.slice(head.length),
  };
  if (serviceDate !== undefined) content.serviceDate = serviceDate;
  if (status !== undefined) content.status = sha256(status);
  if (resourceType === 'Provenance') content.targets = targetsOf(resource);
  return content;
}

type Open = { -readonly [Name in keyof AcceptedContent]: AcceptedContent[Name] };

/**
 * The text behind `"meta":{` and what the platform writes there. The other elements are cut out of the text of the
 * whole resource, because a copy of the resource without three elements costs more.
 * @param json what JSON.stringify writes of the resource, if it is known
 */
function tailOf(resource: FhirResource, id: string, json: string | undefined): string {
  const { resourceType, meta } = resource;
  const { kept, size } = textsOf(isObject(meta) ? meta : {});
  const start = kept === '' ? '}' : `,${kept}}`;
  if (isObject(meta) && comeFirst(resource)) {
    const before = `{"resourceType":"${resourceType}","id":"${id}","meta":`.length + size;
    return start + (json ?? JSON.stringify(resource)).slice(before);
  }
  const { resourceType: _type, id: _id, meta: _meta, ...rest } = resource;
  const others = JSON.stringify(rest);
  return start + (others.length === 2 ? '}' : `,${others.slice(1)}`);
}

/** The kept members of meta as JSON, and the size of the whole. Two calls of JSON.stringify would write most twice. */
function textsOf(meta: Readonly<Record<string, unknown>>): { readonly kept: string; readonly size: number } {
  const texts: Partial<Record<string, string>> = {};
  let size = 1;
  for (const name in meta) {
    const value = meta[name];
    if (value === undefined) continue;
    const text = textOf(value);
    texts[name] = text;
    size += name.length + '"":,'.length + text.length;
  }
  let kept = '';
  for (const name of META) if (texts[name] !== undefined) kept += `${kept === '' ? '' : ','}"${name}":${texts[name]}`;
  return { kept, size: Math.max(size, '{}'.length) };
}
/** What JSON.stringify writes. Most members of meta are a text, or a list of one text. */
function textOf(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return `"${value}"`;
  const only: unknown = Array.isArray(value) && value.length === 1 ? value[0] : undefined;
  return typeof only === 'string' && PLAIN.test(only) ? `["${only}"]` : JSON.stringify(value);
}
/** Texts that JSON writes as they are. */
const PLAIN = /^[\w:./|#+-]+$/;

/** Whether type, id and meta are the first elements, in this order. */
function comeFirst(resource: FhirResource): boolean {
  let at = 0;
  for (const name in resource) {
    if (name !== FIRST[at]) return false;
    at += 1;
    if (at === FIRST.length) return true;
  }
  return false;
}
const FIRST = ['resourceType', 'id', 'meta'];

/** Labels of parts that redaction removed. */
function hiddenLabels(resource: FhirResource, labels: readonly string[]): readonly string[] {
  if (labels.length === 0) return labels;
  const visible = new Set(labelsOf(resource));
  return labels.filter((label) => !visible.has(label));
}

/** Tags of parts that redaction removed. Another code in a line that was cut makes no version: it would tell of it. */
function hiddenTags(resource: FhirResource, { tags = [] }: Sent): readonly string[] {
  if (tags.length === 0) return tags;
  const visible = new Set(codeListsInForce().tagger.search(resource));
  return tags.filter((tag) => !isCut(tag) && !visible.has(tag));
}

/** The extension that keeps the time at which the payer's system of record last changed the resource. */
export const payerLastUpdated = (publicUrl: string): string =>
  `${publicUrl}/fhir/StructureDefinition/payer-last-updated`;

let quoted: { readonly publicUrl: string; readonly url: string } | undefined;
/** The URL of that extension as JSON. It is the same for all events. */
function quotedUrl(publicUrl: string): string {
  if (quoted?.publicUrl !== publicUrl) quoted = { publicUrl, url: JSON.stringify(payerLastUpdated(publicUrl)) };
  return quoted.url;
}

function payerUpdatedOf(meta: unknown, publicUrl: string | undefined): string {
  const at = isObject(meta) ? meta['lastUpdated'] : undefined;
  if (publicUrl === undefined || typeof at !== 'string' || !isInstant(at)) return '';
  return `,"extension":[{"url":${quotedUrl(publicUrl)},"valueInstant":"${at}"}]`;
}

const sha256 = (text: string): string => hash('sha256', text, 'base64url');

/** The line as bytes. `lastUpdated` is an RFC 3339 instant. */
export function lineOf({ head, payerUpdated, tail }: AcceptedContent, versionId: number, lastUpdated: string): Buffer {
  const start = `${head}"versionId":"${versionId}","lastUpdated":"${lastUpdated}"${payerUpdated}`;
  return typeof tail === 'string' ? Buffer.from(start + tail) : tail.after(start);
}
