import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isObject, type FhirResource, ID_PATTERN } from '@provider-access/fhir';
import { CliError, EXIT } from '../output.ts';
import { isArchive, unpack } from './archive.ts';
import { bytesOf, readDocuments } from './documents.ts';
import { PublishedIdentifiers } from './conditional.ts';
import { mayDangle, type ReferenceAt } from './dangling.ts';
import { resolveUrns, Wrapper } from './wrap.ts';

/** One item to publish: an event as a JSON line, or the reason why it cannot be one. */
export type Item =
  | {
      readonly ok: true;
      readonly line: string;
      readonly event: string;
      readonly about: string;
      /** File and line, if the event comes from a file. */
      readonly place?: string;
      /** References of the resource that may dangle; absent if the event holds no resource. */
      readonly references?: readonly ReferenceAt[];
    }
  | { readonly ok: false; readonly place: string; readonly reason: string };

/** Members come first, then their resources. A Provenance comes last, because it goes to the member of its targets. */
const rank = (type: string): number => (type.startsWith('Patient') ? 0 : type.startsWith('Provenance') ? 2 : 1);
const FILES = /\.(ndjson|json|jsonl)(\.gz)?$/;
const isRead = (name: string): boolean => FILES.test(name);

/** `shown` is the path that the caller named, for the message. */
function filesOf(path: string, shown: string): string[] {
  if (!existsSync(path)) throw new CliError(EXIT.usage, `${path} does not exist`);
  if (!statSync(path).isDirectory()) return [path];
  const files = filesBelow(path);
  if (files.length === 0) throw new CliError(EXIT.usage, `${shown} holds no .ndjson or .json file`);
  return files.sort((a, b) => rank(basename(a)) - rank(basename(b)) || (a < b ? -1 : 1));
}

/**
 * The files of a folder, each once. Links are followed last, so that a file that is there itself has its own name, and
 * a circle of links ends. A link that leads nowhere is among them, because its reader reports it.
 */
function filesBelow(folder: string): string[] {
  const files: string[] = [];
  const seen = new Set<string>();
  const links: string[] = [];
  const visit = (path: string): void => {
    let real: string;
    try {
      real = realpathSync(path);
    } catch {
      if (isRead(path)) files.push(path);
      return;
    }
    if (seen.has(real)) return;
    seen.add(real);
    const state = statSync(real);
    if (state.isFile() && isRead(path)) files.push(path);
    if (!state.isDirectory()) return;
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isSymbolicLink()) links.push(join(path, entry.name));
      else visit(join(path, entry.name));
  };
  visit(folder);
  // It grows while links lead to folders with links.
  for (const link of links) visit(link);
  return files;
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
const URN_UUID = new RegExp(`^urn:uuid:(${ID_PATTERN})$`);

/** The state that wraps and resolves within one publication. */
interface Publication {
  readonly wrapper: Wrapper;
  readonly identifiers: PublishedIdentifiers;
}

/** The resources in a document: plain ones, and those in Bundles, events and lists. */
function* resourcesIn(value: unknown): Generator<FhirResource> {
  if (Array.isArray(value)) for (const item of value as unknown[]) yield* resourcesIn(item);
  else if (!isObject(value)) return;
  else if (typeof value['specversion'] === 'string')
    yield* resourcesIn(isObject(value['data']) ? value['data']['resource'] : undefined);
  else if (value['resourceType'] === 'Bundle')
    for (const { resource } of entriesOf(value)) yield* resourcesIn(resource);
  else if (typeof value['resourceType'] === 'string') yield value as FhirResource;
}

function* fromJson(value: unknown, line: string | undefined, place: string, publication: Publication): Generator<Item> {
  const { wrapper, identifiers } = publication;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      yield* fromJson(item, undefined, `${place} item ${index + 1}`, publication);
  } else if (!isObject(value)) {
    yield { ok: false, place, reason: 'neither a CloudEvent nor a FHIR resource' };
  } else if (typeof value['specversion'] === 'string') {
    const { data } = value;
    const about = aboutOf(data, String(value['type']));
    yield {
      ok: true,
      line: line ?? JSON.stringify(value),
      event: String(value['id']),
      about,
      place,
      ...referencesIn(data),
    };
  } else if (value['resourceType'] === 'Bundle') {
    yield* fromBundle(value, place, publication);
  } else if (typeof value['resourceType'] === 'string') {
    identifiers.resolve(value);
    const wrapped = wrapper.wrap(value as FhirResource);
    if (!wrapped.ok) yield { ok: false, place, reason: wrapped.reason };
    else {
      const { event } = wrapped;
      const described = { event: event.id, about: aboutOf(event.data, event.type), place, ...referencesIn(event.data) };
      yield { ok: true, line: JSON.stringify({ specversion: '1.0', ...event }), ...described };
    }
  } else yield { ok: false, place, reason: 'neither a CloudEvent (specversion) nor a FHIR resource (resourceType)' };
}

interface Entry {
  readonly resource: Record<string, unknown>;
  readonly url: string | undefined;
  readonly nth: number;
}
/** Entries of a Bundle that hold a resource. One without id takes the uuid of its fullUrl. */
function entriesOf(bundle: Readonly<Record<string, unknown>>): Entry[] {
  const entries: unknown[] = Array.isArray(bundle['entry']) ? bundle['entry'] : [];
  return entries.flatMap((entry, index): Entry[] => {
    const resource = isObject(entry) ? entry['resource'] : undefined;
    if (!isObject(resource)) return [];
    const url = (entry as Record<string, unknown>)['fullUrl'];
    const uuid = typeof url === 'string' ? URN_UUID.exec(url)?.[1] : undefined;
    if (resource['id'] === undefined && uuid !== undefined) resource['id'] = uuid;
    return [{ resource, url: typeof url === 'string' ? url : undefined, nth: index + 1 }];
  });
}

/** The resources of a Bundle, members first. References by fullUrl become `Type/id`. */
function* fromBundle(
  bundle: Readonly<Record<string, unknown>>,
  place: string,
  publication: Publication,
): Generator<Item> {
  const entries = entriesOf(bundle);
  const byUrl = new Map(
    entries.flatMap(({ resource, url }) =>
      url !== undefined && typeof resource['id'] === 'string'
        ? [[url, `${String(resource['resourceType'])}/${resource['id']}`] as const]
        : [],
    ),
  );
  if (entries.length === 0) yield { ok: false, place, reason: 'a Bundle without resources' };
  for (const { resource, nth } of entries.toSorted(
    (a, b) => rank(String(a.resource['resourceType'])) - rank(String(b.resource['resourceType'])),
  )) {
    resolveUrns(resource, byUrl);
    yield* fromJson(resource, undefined, `${place} entry ${nth}`, publication);
  }
}

/**
 * Files are read twice. The first pass collects the identifiers to which conditional references lead, wherever they
 * are. Standard input is read once, so only earlier resources resolve. Events are published unchanged, because their
 * ids stand for their content.
 */
export async function* readItems(
  path: string,
  source: string,
  time: string,
  input: AsyncIterable<Uint8Array> = process.stdin,
): AsyncGenerator<Item> {
  const identifiers = new PublishedIdentifiers();
  const publication: Publication = { wrapper: new Wrapper(source, time), identifiers };
  const standard = path === '-';
  const unpacked = !standard && isArchive(path) && existsSync(path) ? await unpack(path, isRead) : undefined;
  const files = standard
    ? [{ name: 'stdin', bytes: () => input }]
    : filesOf(unpacked?.folder ?? path, path).map((file) => ({ name: basename(file), bytes: () => bytesOf(file) }));
  try {
    yield* itemsOf(files, publication, standard);
  } finally {
    unpacked?.remove();
  }
}

interface NamedFile {
  readonly name: string;
  bytes(): AsyncIterable<Uint8Array>;
}
async function* itemsOf(
  files: readonly NamedFile[],
  publication: Publication,
  standard: boolean,
): AsyncGenerator<Item> {
  const { identifiers } = publication;
  const index = (value: unknown): void => {
    for (const resource of resourcesIn(value)) identifiers.add(resource);
  };
  if (!standard)
    for (const { name, bytes } of files)
      for await (const document of readDocuments(bytes(), name)) if (document.ok) index(document.value);
  for (const { name, bytes } of files) {
    for await (const document of readDocuments(bytes(), name)) {
      if (!document.ok) {
        yield document;
        continue;
      }
      if (standard) index(document.value);
      yield* fromJson(document.value, document.line, document.place, publication);
    }
  }
}
