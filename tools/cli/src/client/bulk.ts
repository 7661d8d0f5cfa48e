import { hash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, EXIT } from '../output.ts';
import { download, FileGone } from './download.ts';
import { ExportFolder, type FileState, type Series } from './export-folder.ts';
import { hasChecksum, type Manifest, readManifest } from './manifest.ts';
import { inParallel } from './parallel.ts';
import {
  authorized,
  Patience,
  PATIENCE_MS,
  retryAfterMs,
  type PatienceOptions,
  type Timing,
  type TokenOf,
} from './patience.ts';
import { faultOf, type Answer, type Call, type Server } from './server.ts';

export interface BulkOptions {
  readonly server: Server;
  readonly token: TokenOf;
  readonly group: string;
  readonly out: string;
  readonly operation?: '$export' | '$davinci-data-export';
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly types?: string | undefined;
  /** Other parameters, each with its values. The request is then a POST. */
  readonly asks?: readonly AskedParameter[] | undefined;
  /**
   * Another kick-off than an export of the Group: its path and its body. The folder keeps only a hash of the body,
   * because it may have protected data.
   */
  readonly kickOff?: { readonly path: string; readonly body: string };
  /** Saved with the state, so that the folder can remember when the last export of the series was. */
  readonly series?: Series;
  /** How many files are downloaded at once. Default 4. */
  readonly parallel?: number;
  /** After the kick-off was accepted. */
  readonly onAccepted?: (statusUrl: string) => void | Promise<void>;
  readonly onProgress?: (text: string) => void;
  /** Before a request is repeated. Default: `onProgress`. */
  readonly onPause?: (text: string) => void;
  /** Replaces the time of Retry-After: for measurements, on a server that allows it. */
  readonly pollMs?: number;
  /** How long the export may make no progress while the platform is unreachable. Default 5 minutes. */
  readonly patienceMs?: number | undefined;
  readonly timing?: Timing;
}
export interface AskedParameter {
  readonly name: string;
  readonly value: { readonly valueReference: { readonly reference: string } } | { readonly valueString: string };
}
export interface BulkResult {
  readonly manifest: Manifest;
  readonly status: string;
  readonly files: readonly {
    readonly type: string;
    readonly file: string;
    readonly kind: string;
    readonly bytes: number;
    readonly count?: number;
  }[];
  readonly bytes: number;
  readonly resumed: boolean;
}

/** Enough to fill a connection with small files; a server that is busy answers each of them more slowly. */
const PARALLEL = 4;
const GONE = 'is gone (deleted, expired, or of another app): add --new, or name another --out folder, to start anew';
const FHIR = 'application/fhir+json';

/** The server has the export no more, or it failed there. Only another kick-off helps. */
export class ExportEnded extends CliError {}

/** Bulk Data kick-off, polling and download of a Group, resumable. https://hl7.org/fhir/uv/bulkdata/export.html */
export async function bulkExport(options: BulkOptions): Promise<BulkResult> {
  const { server, out, group } = options;
  const patient: PatienceOptions = {
    patienceMs: options.patienceMs,
    timing: options.timing,
    onPause: options.onPause ?? ((text) => options.onProgress?.(text)),
  };
  const patience = new Patience(patient);
  const call = (
    target: string,
    headers: Record<string, string>,
    accept: readonly number[] = [],
    sent: Pick<Call, 'method' | 'body'> = {},
  ): Promise<Answer> =>
    patience.run(() => authorized(options.token, (token) => server.call(target, { token, headers, accept, ...sent })));
  const folder = new ExportFolder(out);
  folder.create();
  const query = new URLSearchParams({
    ...(options.types !== undefined && { _type: options.types }),
    ...(options.since !== undefined && { _since: options.since }),
  });
  const operation = `/fhir/Group/${encodeURIComponent(group)}/${options.operation ?? '$export'}`;
  const url = query.size > 0 ? `${operation}?${query}` : operation;
  const parameter = (options.asks ?? []).map(({ name, value }) => ({ name, ...value }));
  const asked = parameter.length === 0 ? undefined : JSON.stringify({ resourceType: 'Parameters', parameter });
  const { path: target = url, body = asked } = options.kickOff ?? {};
  const noun = options.kickOff === undefined ? 'export' : 'match';
  // The folder remembers what was asked for, so that it never mixes two exports.
  const request =
    options.kickOff !== undefined
      ? `${target} sha256:${hash('sha256', options.kickOff.body)}`
      : body === undefined
        ? url
        : `${url} ${body}`;
  let state = folder.load();
  const resumed = state !== undefined;
  if (state !== undefined && state.request !== request)
    throw new CliError(
      EXIT.usage,
      `${out} holds another export (${state.request}): add --new to ` + 'start anew, or name another --out folder',
    );
  if (state === undefined) {
    const asking = { accept: FHIR, prefer: 'respond-async' };
    const post = (sent: string) =>
      call(target, { ...asking, 'content-type': FHIR }, [], { method: 'POST', body: sent });
    let answer = body === undefined ? await call(target, asking, [405]) : await post(body);
    // Bulk Data 4 takes no GET.
    if (answer.status === 405) answer = await post(JSON.stringify({ resourceType: 'Parameters' }));
    const { headers } = answer;
    const status = headers.get('content-location');
    if (status === null) throw new CliError(EXIT.refused, 'the kick-off was answered without Content-Location');
    state = {
      group,
      request,
      status,
      ...(options.since !== undefined && { since: options.since }),
      ...(options.until !== undefined && { until: options.until }),
      ...(options.series !== undefined && { series: options.series }),
    };
    folder.save(state);
  }
  await options.onAccepted?.(state.status);

  while (state.manifest === undefined) {
    const answer = await call(state.status, { accept: 'application/json' }, [404, 500]);
    if (answer.status === 500) throw new ExportEnded(EXIT.unavailable, faultOf(answer.status, answer.text));
    if (answer.status === 404)
      throw new ExportEnded(EXIT.refused, `the ${noun} that ${join(out, 'export.json')} names ${GONE}`);
    if (answer.status === 200) {
      const manifest = readManifest(answer.text);
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
      folder.save(state);
      break;
    }
    options.onProgress?.(answer.headers.get('x-progress') ?? 'accepted');
    const asked = retryAfterMs(answer.headers.get('retry-after'), patience.timing.now()) ?? 1000;
    await patience.timing.sleep(options.pollMs ?? Math.min(Math.max(asked, 200), PATIENCE_MS));
  }

  const files = state.files ?? [];
  const kept = state;
  /** The manifest of this moment. */
  const present = async (): Promise<Manifest> => {
    const { status, text } = await call(kept.status, { accept: 'application/json' }, [404]);
    if (status !== 200)
      throw new ExportEnded(EXIT.refused, `the ${noun} that ${join(out, 'export.json')} names ${GONE}`);
    return readManifest(text);
  };
  const listed = async (file: FileState): Promise<boolean> =>
    ((await present())[file.kind] ?? []).some(({ url }) => url === file.url);
  /** The bytes may differ from the manifest only if the file has changed since, and then it lists no checksum. */
  const check = async ({ url, name }: FileState): Promise<void> => {
    const target = join(out, name);
    if ((await hasChecksum(target, url, kept.manifest!)) !== false) return;
    if ((await hasChecksum(target, url, await present())) !== false) return;
    rmSync(target);
    throw new CliError(
      EXIT.unavailable,
      `${name} does not have the SHA-256 of the manifest, so its bytes changed on the way: run the command again`,
    );
  };
  let bytes = files.reduce((sum, file) => sum + (file.done ? (file.bytes ?? 0) : 0), 0);
  const missing = files.filter((file) => file.withdrawn !== true && (!file.done || !existsSync(join(out, file.name))));
  await inParallel(options.parallel ?? PARALLEL, missing, async (file) => {
    const target = join(out, file.name);
    const result = await download(file.url, target, {
      ...patient,
      token: options.token,
      etag: file.etag,
      onEtag: (etag) => {
        file.etag = etag;
        folder.save(kept);
      },
      onBytes: (count) => {
        bytes += count;
        const done = files.filter((each) => each.done).length;
        options.onProgress?.(`${done} of ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
      },
    }).catch(async (error: unknown) => {
      if (!(error instanceof FileGone) || (await listed(file))) throw error;
      rmSync(`${target}.part`, { force: true });
      return undefined;
    });
    if (result === undefined) file.withdrawn = true;
    else {
      await check(file);
      file.bytes = result.bytes;
    }
    file.done = true;
    folder.save(kept);
  });
  const visible = files.filter((file) => file.withdrawn !== true);
  return {
    manifest: state.manifest,
    status: state.status,
    files: visible.map((f) => ({
      type: f.type,
      kind: f.kind,
      file: join(out, f.name),
      bytes: f.bytes ?? 0,
      ...(f.count !== undefined && { count: f.count }),
    })),
    bytes: visible.reduce((sum, f) => sum + (f.bytes ?? 0), 0),
    resumed,
  };
}
