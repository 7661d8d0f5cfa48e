import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, EXIT } from '../output.ts';
import { download } from './download.ts';
import {
  authorized,
  Patience,
  PATIENCE_MS,
  retryAfterMs,
  type PatienceOptions,
  type Timing,
  type TokenOf,
} from './patience.ts';
import type { Answer, Server } from './server.ts';

interface ManifestFile {
  readonly type: string;
  readonly url: string;
  readonly count?: number;
}
export interface Manifest {
  readonly transactionTime: string;
  readonly request: string;
  readonly requiresAccessToken: boolean;
  readonly output: readonly ManifestFile[];
  readonly deleted?: readonly ManifestFile[];
  readonly error: readonly ManifestFile[];
}
interface FileState {
  readonly kind: 'output' | 'deleted' | 'error';
  readonly type: string;
  readonly url: string;
  readonly name: string;
  readonly count?: number;
  etag?: string;
  bytes?: number;
  done: boolean;
}
/** Kept as `export.json` in the folder. The same command continues from it. */
interface ExportState {
  readonly group: string;
  readonly request: string;
  readonly status: string;
  manifest?: Manifest;
  files?: FileState[];
}

export interface BulkOptions {
  readonly server: Server;
  readonly token: TokenOf;
  readonly group: string;
  readonly out: string;
  readonly operation?: '$export' | '$davinci-data-export';
  readonly since?: string | undefined;
  readonly types?: string | undefined;
  /** After the kick-off was accepted. */
  readonly onAccepted?: (statusUrl: string) => void | Promise<void>;
  readonly onProgress?: (text: string) => void;
  /** Replaces the time of Retry-After: for measurements, on a server that allows it. */
  readonly pollMs?: number;
  /** How long the export may make no progress while the platform is unreachable. Default 5 minutes. */
  readonly patienceMs?: number | undefined;
  readonly timing?: Timing;
}
export interface BulkResult {
  readonly manifest: Manifest;
  readonly status: string;
  readonly files: readonly {
    readonly type: string;
    readonly file: string;
    readonly kind: string;
    readonly bytes: number;
  }[];
  readonly bytes: number;
  readonly resumed: boolean;
}

const FHIR = 'application/fhir+json';

function load(file: string): ExportState | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ExportState;
  } catch {
    throw new CliError(EXIT.usage, `${file} is not readable as the state of an export: name another --out folder`);
  }
}

/** Bulk Data kick-off, polling and download of a Group, resumable. https://hl7.org/fhir/uv/bulkdata/export.html */
export async function bulkExport(options: BulkOptions): Promise<BulkResult> {
  const { server, out, group } = options;
  const patient: PatienceOptions = {
    patienceMs: options.patienceMs,
    timing: options.timing,
    onPause: (text) => options.onProgress?.(text),
  };
  const patience = new Patience(patient);
  const call = (target: string, headers: Record<string, string>, accept: readonly number[] = []): Promise<Answer> =>
    patience.run(() => authorized(options.token, (token) => server.call(target, { token, headers, accept })));
  mkdirSync(out, { recursive: true });
  const stateFile = join(out, 'export.json');
  const query = new URLSearchParams({
    ...(options.types !== undefined && { _type: options.types }),
    ...(options.since !== undefined && { _since: options.since }),
  });
  const operation = `/fhir/Group/${encodeURIComponent(group)}/${options.operation ?? '$export'}`;
  const request = query.size > 0 ? `${operation}?${query}` : operation;
  const save = (state: ExportState): void => {
    writeFileSync(`${stateFile}.new`, JSON.stringify(state, null, 1), { mode: 0o600 });
    renameSync(`${stateFile}.new`, stateFile);
  };

  let state = load(stateFile);
  const resumed = state !== undefined;
  if (state !== undefined && state.request !== request)
    throw new CliError(EXIT.usage, `${out} holds another export (${state.request}): name another --out folder`);
  if (state === undefined) {
    const { headers } = await call(request, { accept: FHIR, prefer: 'respond-async' });
    const status = headers.get('content-location');
    if (status === null) throw new CliError(EXIT.refused, 'the kick-off was answered without Content-Location');
    state = { group, request, status };
    save(state);
  }
  await options.onAccepted?.(state.status);

  while (state.manifest === undefined) {
    const answer = await call(state.status, { accept: 'application/json' }, [404]);
    if (answer.status === 404)
      throw new CliError(
        EXIT.refused,
        `the export that ${stateFile} names is gone (deleted, expired, or of another app): name another --out ` +
          'folder to start anew',
      );
    if (answer.status === 200) {
      const manifest = JSON.parse(answer.text) as Manifest;
      const numbers = new Map<string, number>();
      const files = (['output', 'deleted', 'error'] as const).flatMap((kind) =>
        (manifest[kind] ?? []).map((file): FileState => {
          const label = kind === 'output' ? file.type : `${kind}-${file.type}`;
          const number = (numbers.get(label) ?? 0) + 1;
          numbers.set(label, number);
          return {
            kind,
            type: file.type,
            url: file.url,
            name: `${label}-${number}.ndjson.gz`,
            ...(file.count !== undefined && { count: file.count }),
            done: false,
          };
        }),
      );
      state.manifest = manifest;
      state.files = files;
      save(state);
      break;
    }
    options.onProgress?.(answer.headers.get('x-progress') ?? 'accepted');
    const asked = retryAfterMs(answer.headers.get('retry-after'), patience.timing.now()) ?? 1000;
    await patience.timing.sleep(options.pollMs ?? Math.min(Math.max(asked, 200), PATIENCE_MS));
  }

  const files = state.files ?? [];
  let bytes = files.reduce((sum, file) => sum + (file.done ? (file.bytes ?? 0) : 0), 0);
  for (const [index, file] of files.entries()) {
    if (file.done && existsSync(join(out, file.name))) continue;
    const kept = state;
    const result = await download(file.url, join(out, file.name), {
      ...patient,
      token: options.token,
      etag: file.etag,
      onEtag: (etag) => {
        file.etag = etag;
        save(kept);
      },
      onBytes: (count) => {
        bytes += count;
        options.onProgress?.(`file ${index + 1} of ${files.length}, ${(bytes / 1e6).toFixed(1)} MB`);
      },
    });
    file.bytes = result.bytes;
    file.done = true;
    save(state);
  }
  return {
    manifest: state.manifest,
    status: state.status,
    files: files.map((f) => ({ type: f.type, kind: f.kind, file: join(out, f.name), bytes: f.bytes ?? 0 })),
    bytes: files.reduce((sum, f) => sum + (f.bytes ?? 0), 0),
    resumed,
  };
}
