import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isObject, type FhirResource } from '@provider-access/fhir';
import { CliError, EXIT } from '../output.ts';
import { bytesOf, readDocuments } from './documents.ts';
import { mayDangle, type ReferenceAt } from './dangling.ts';
import { resolveUrns, Wrapper } from './wrap.ts';

/** One thing to publish: an event as a JSON line, or why it cannot be one. */
export type Item =
  | {
    readonly ok: true; readonly line: string; readonly event: string; readonly about: string;
    /** References of the resource that may dangle; absent where the event holds none. */
    readonly references?: readonly ReferenceAt[];
  }
  | { readonly ok: false; readonly place: string; readonly reason: string };

/** Members first, then what is theirs; Provenance last, since it goes where its targets went. */
const rank = (type: string): number => (type.startsWith('Patient') ? 0 : type.startsWith('Provenance') ? 2 : 1);
const FILES = /\.(ndjson|json|jsonl)(\.gz)?$/;

function filesOf(path: string): string[] {
  if (!existsSync(path)) throw new CliError(EXIT.usage, `${path} does not exist`);
  if (!statSync(path).isDirectory()) return [path];
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((f) => FILES.test(f)).map((f) => join(path, f));
  if (files.length === 0) throw new CliError(EXIT.usage, `${path} holds no .ndjson or .json file`);
  return files.sort((a, b) => rank(basename(a)) - rank(basename(b)) || (a < b ? -1 : 1));
}

const aboutOf = (data: unknown, type: string): string => {
  const resource = isObject(data) ? data['resource'] : undefined;
  return isObject(resource) ? `${String(resource['resourceType'])}/${String(resource['id'] ?? '?')}` : type;
};
function referencesIn(data: unknown): { readonly references?: readonly ReferenceAt[] } {
  const resource = isObject(data) ? data['resource'] : undefined;
  if (!isObject(resource) || typeof resource['resourceType'] !== 'string') return {};
  const references = mayDangle(resource as FhirResource);
  return references.length > 0 ? { references } : {};
}
const URN_UUID = /^urn:uuid:([A-Za-z0-9\-.]{1,64})$/;

function* fromJson(value: unknown, line: string | undefined, place: string, wrapper: Wrapper): Generator<Item> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* fromJson(item, undefined, `${place} item ${index + 1}`, wrapper);
  } else if (!isObject(value)) {
    yield { ok: false, place, reason: 'neither a CloudEvent nor a FHIR resource' };
  } else if (typeof value['specversion'] === 'string') {
    const { data } = value;
    const about = aboutOf(data, String(value['type']));
    yield { ok: true, line: line ?? JSON.stringify(value), event: String(value['id']), about, ...referencesIn(data) };
  } else if (value['resourceType'] === 'Bundle') {
    yield* fromBundle(value, place, wrapper);
  } else if (typeof value['resourceType'] === 'string') {
    const wrapped = wrapper.wrap(value as FhirResource);
    if (!wrapped.ok) yield { ok: false, place, reason: wrapped.reason };
    else {
      const { event } = wrapped;
      const told = { event: event.id, about: aboutOf(event.data, event.type), ...referencesIn(event.data) };
      yield { ok: true, line: JSON.stringify({ specversion: '1.0', ...event }), ...told };
    }
  } else yield { ok: false, place, reason: 'neither a CloudEvent (specversion) nor a FHIR resource (resourceType)' };
}

/** The resources of a Bundle, members first. One without id takes the uuid of its fullUrl, and references follow. */
function* fromBundle(bundle: Readonly<Record<string, unknown>>, place: string, wrapper: Wrapper): Generator<Item> {
  const entries = (Array.isArray(bundle['entry']) ? (bundle['entry'] as unknown[]) : []).map((entry, index) => ({ entry, place: `${place} entry ${index + 1}` }));
  const resources: { resource: Record<string, unknown>; place: string }[] = [];
  const byUrl = new Map<string, string>();
  for (const { entry, place: at } of entries) {
    const resource = isObject(entry) ? entry['resource'] : undefined;
    if (!isObject(resource)) continue;
    const url = (entry as Record<string, unknown>)['fullUrl'];
    const uuid = typeof url === 'string' ? URN_UUID.exec(url)?.[1] : undefined;
    if (resource['id'] === undefined && uuid !== undefined) resource['id'] = uuid;
    if (typeof url === 'string' && typeof resource['id'] === 'string') byUrl.set(url, `${String(resource['resourceType'])}/${resource['id']}`);
    resources.push({ resource, place: at });
  }
  if (resources.length === 0) yield { ok: false, place, reason: 'a Bundle without resources' };
  for (const { resource, place: at } of resources.toSorted((a, b) => rank(String(a.resource['resourceType'])) - rank(String(b.resource['resourceType'])))) {
    resolveUrns(resource, byUrl);
    yield* fromJson(resource, undefined, at, wrapper);
  }
}

/**
 * Everything below a path (`-` is standard input): CloudEvents or FHIR resources as NDJSON, or JSON texts that hold a resource, a
 * Bundle, a CloudEvent or a list of them; plain or gzip. NDJSON streams; a JSON text over many lines is read whole.
 */
export async function* readItems(path: string, source: string, time: string, input: AsyncIterable<Uint8Array> = process.stdin): AsyncGenerator<Item> {
  const wrapper = new Wrapper(source, time);
  const files = path === '-' ? [{ name: 'stdin', bytes: () => input }] : filesOf(path).map((file) => ({ name: basename(file), bytes: () => bytesOf(file) }));
  for (const { name, bytes } of files) {
    for await (const document of readDocuments(bytes(), name)) {
      if (!document.ok) yield document;
      else yield* fromJson(document.value, document.line, document.place, wrapper);
    }
  }
}
