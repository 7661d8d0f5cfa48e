import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { isObject, type FhirResource } from '@provider-access/fhir';
import { CliError, EXIT } from '../output.ts';
import { resolveUrns, Wrapper } from './wrap.ts';

/** One thing to publish: an event as a JSON line, or why it cannot be one. */
export type Item =
  | { readonly ok: true; readonly line: string; readonly event: string; readonly about: string }
  | { readonly ok: false; readonly place: string; readonly reason: string };

/** Members first, then what is theirs; Provenance last, since it goes where its targets went. */
const rank = (file: string): number => (basename(file).startsWith('Patient') ? 0 : basename(file).startsWith('Provenance') ? 2 : 1);

function filesOf(path: string): string[] {
  if (!existsSync(path)) throw new CliError(EXIT.usage, `${path} does not exist`);
  if (!statSync(path).isDirectory()) return [path];
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((f) => /\.(ndjson|json|jsonl)(\.gz)?$/.test(f)).map((f) => join(path, f));
  if (files.length === 0) throw new CliError(EXIT.usage, `${path} holds no .ndjson or .json file`);
  return files.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

const aboutOf = (data: unknown, type: string): string => {
  const resource = isObject(data) ? data['resource'] : undefined;
  return isObject(resource) ? `${String(resource['resourceType'])}/${String(resource['id'])}` : type;
};

function* fromJson(value: unknown, line: string | undefined, place: string, wrapper: Wrapper): Generator<Item> {
  if (!isObject(value)) {
    yield { ok: false, place, reason: 'neither a CloudEvent nor a FHIR resource' };
  } else if (typeof value['specversion'] === 'string') {
    yield { ok: true, line: line ?? JSON.stringify(value), event: String(value['id']), about: aboutOf(value['data'], String(value['type'])) };
  } else if (value['resourceType'] === 'Bundle') {
    const entries = Array.isArray(value['entry']) ? (value['entry'] as { fullUrl?: string; resource?: FhirResource }[]) : [];
    const byUrl = new Map(entries.flatMap((e) => (e.fullUrl !== undefined && e.resource?.id !== undefined ? [[e.fullUrl, `${e.resource.resourceType}/${e.resource.id}`] as const] : [])));
    let index = 0;
    for (const entry of entries) {
      index += 1;
      if (entry.resource === undefined) continue;
      resolveUrns(entry.resource, byUrl);
      yield* fromJson(entry.resource, undefined, `${place} entry ${index}`, wrapper);
    }
  } else if (typeof value['resourceType'] === 'string') {
    const wrapped = wrapper.wrap(value as FhirResource);
    if (!wrapped.ok) yield { ok: false, place, reason: wrapped.reason };
    else {
      const { event } = wrapped;
      yield { ok: true, line: JSON.stringify({ specversion: '1.0', ...event }), event: event.id, about: aboutOf(event.data, event.type) };
    }
  } else yield { ok: false, place, reason: 'neither a CloudEvent (specversion) nor a FHIR resource (resourceType)' };
}

async function* fromLines(input: NodeJS.ReadableStream, name: string, wrapper: Wrapper): AsyncGenerator<Item> {
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      yield { ok: false, place: `${name}:${number}`, reason: 'not JSON' };
      continue;
    }
    yield* fromJson(value, line, `${name}:${number}`, wrapper);
  }
}

/**
 * Everything below a path (`-` is standard input): CloudEvents or FHIR resources as NDJSON, JSON files with a resource, a Bundle or
 * a CloudEvent, plain or gzip. Streams; a JSON file that is not NDJSON is read whole.
 */
export async function* readItems(path: string, source: string, time: string): AsyncGenerator<Item> {
  const wrapper = new Wrapper(source, time);
  if (path === '-') {
    yield* fromLines(process.stdin, 'stdin', wrapper);
    return;
  }
  for (const file of filesOf(path)) {
    if (/\.json$/.test(file)) {
      let value: unknown;
      try {
        value = JSON.parse(readFileSync(file, 'utf8'));
      } catch {
        // NDJSON under a .json name is common.
        yield* fromLines(createReadStream(file), basename(file), wrapper);
        continue;
      }
      for (const item of Array.isArray(value) ? value : [value]) yield* fromJson(item, undefined, basename(file), wrapper);
      continue;
    }
    const raw = createReadStream(file);
    yield* fromLines(file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw, basename(file), wrapper);
  }
}
