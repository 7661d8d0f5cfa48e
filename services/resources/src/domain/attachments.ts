import { createHash } from 'node:crypto';
import { type FhirResource, isObject, structureOf } from '@provider-access/fhir';

/** Content of an attachment that lies in the file store. */
export interface Attached {
  /** Id of the Binary. It follows from owner, type and content, so an event that comes again gives the same one. */
  readonly id: string;
  readonly member: string;
  /** The resource that carries the attachment. */
  readonly type: string;
  readonly resource: string;
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
}
/** An attachment that an event brings, with its content. */
export interface MovedAttachment extends Attached {
  readonly bytes: Uint8Array;
}

export interface MoveOptions {
  /** The owner of the record, and the resource that carries the attachments. */
  readonly about: { readonly member: string; readonly type: string; readonly id: string };
  /** Attachments with more bytes than this are moved. */
  readonly above: number;
  readonly publicUrl: string;
}
export type Moving =
  | { readonly ok: true; readonly resource: FhirResource; readonly moved: readonly MovedAttachment[] }
  /** `path`: the attachment whose `data` is not base64. */
  | { readonly ok: false; readonly path: string };

/** The form of the ids that this module makes. */
export const BINARY_ID = /^[0-9a-f]{64}$/;
const OCTETS = 'application/octet-stream';
/** What may stand in a header: a type and a subtype, with parameters of plain letters. */
const MEDIA_TYPE = /^[A-Za-z0-9][\w.+-]{0,63}\/[A-Za-z0-9][\w.+-]{0,63}(?:; ?[\w-]{1,32}=[\w.+-]{1,64}){0,4}$/;

const binaryUrl = (publicUrl: string, id: string): string => `${publicUrl}/fhir/Binary/${id}`;
/** What follows in a URL below our Binaries; undefined for any other URL. */
export const binaryIn = (publicUrl: string, url: string): string | undefined =>
  url.startsWith(binaryUrl(publicUrl, '')) ? url.slice(binaryUrl(publicUrl, '').length) : undefined;

/** Whether a line has an attachment whose content is this Binary. */
export const refersTo = (line: Uint8Array, id: string): boolean =>
  Buffer.from(line.buffer, line.byteOffset, line.byteLength).includes(`/fhir/Binary/${id}"`);

/**
 * Takes the content of large attachments out of a resource, at any depth, and puts a URL in its place. `size` and
 * `hash` (SHA-1) then say what the content is. A resource without a large attachment is returned as it is. Pure.
 */
export function moveAttachments(resource: FhirResource, options: MoveOptions): Moving {
  const moved = new Map<string, MovedAttachment>();
  let broken: string | undefined;

  const attachment = (value: Record<string, unknown>, path: string): Record<string, unknown> => {
    const { data } = value;
    if (typeof data !== 'string' || (data.length / 4) * 3 <= options.above) return value;
    const bytes = bytesOf(data);
    if (bytes === undefined) {
      broken ??= `${path}.data`;
      return value;
    }
    if (bytes.byteLength <= options.above) return value;
    const contentType = mediaTypeOf(value['contentType']);
    const content = attached(options.about, contentType, bytes);
    moved.set(content.id, content);
    const hash = createHash('sha1').update(bytes).digest('base64');
    return withContent(value, { url: binaryUrl(options.publicUrl, content.id), size: bytes.byteLength, hash });
  };

  const inside = (value: unknown, type: string, path: string): unknown => {
    if (Array.isArray(value)) {
      const list = value.map((item: unknown) => inside(item, type, path));
      return list.some((item, i) => item !== value[i]) ? list : value;
    }
    if (!isObject(value)) return value;
    if (type === 'Attachment') return attachment(value, path);
    const structure = structureOf(type === 'Resource' ? String(value['resourceType']) : type);
    let changed: Record<string, unknown> | undefined;
    for (const [name, child] of Object.entries(value)) {
      if (typeof child !== 'object' || child === null) continue;
      const element = structure?.elements.get(name);
      if (element === undefined || element.primitive) continue;
      const next = inside(child, element.type, `${path}.${name}`);
      if (next !== child) (changed ??= { ...value })[name] = next;
    }
    return changed ?? value;
  };

  const result = inside(resource, resource.resourceType, resource.resourceType) as FhirResource;
  return broken === undefined
    ? { ok: true, resource: result, moved: [...moved.values()] }
    : { ok: false, path: broken };
}

/** Undefined if the text is not base64. It may have white space. */
function bytesOf(data: string): Buffer | undefined {
  const text = data.replaceAll(/\s/g, '');
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, 'base64');
}

const mediaTypeOf = (value: unknown): string => (typeof value === 'string' && MEDIA_TYPE.test(value) ? value : OCTETS);

function attached(
  { member, type, id: resource }: MoveOptions['about'],
  contentType: string,
  bytes: Uint8Array,
): MovedAttachment {
  const content = createHash('sha256').update(bytes).digest('hex');
  const id = createHash('sha256')
    .update(JSON.stringify([member, type, resource, contentType, content]))
    .digest('hex');
  return { id, member, type, resource, contentType, size: bytes.byteLength, bytes };
}

/** Elements that say something about `data`, and their extensions. */
const ABOUT_DATA = new Set(['data', '_data', 'url', '_url', 'size', '_size', 'hash', '_hash']);

/** The attachment with the URL in the place of `data`. The other elements keep their order. */
function withContent(value: Record<string, unknown>, content: object): Record<string, unknown> {
  const next: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value)) {
    if (name === 'data') Object.assign(next, content);
    else if (!ABOUT_DATA.has(name)) next[name] = child;
  }
  return next;
}
