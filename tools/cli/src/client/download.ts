import { chmodSync, createReadStream, createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CliError, EXIT } from '../output.ts';
import { authorized, Patience, TemporaryFault, type PatienceOptions, type TokenOf } from './patience.ts';
import { faultOf } from './server.ts';

const IDLE_MS = 60_000;
/** Faults of the client's own disk, which another attempt would meet again. */
const LOCAL_FAULTS = new Set(['ENOSPC', 'EACCES', 'EROFS', 'ENOENT', 'EISDIR', 'EDQUOT', 'EMFILE']);

function open(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(
      url,
      { headers, timeout: IDLE_MS },
      resolve,
    );
    request.on('timeout', () => request.destroy(new Error(`no byte for ${IDLE_MS / 1000} s`)));
    request.on('error', reject);
    request.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The server has no such file for this client: it expired, or it holds nothing any more that the client may see. */
export class FileGone extends CliError {}

export interface Downloaded {
  readonly bytes: number;
  readonly etag: string | undefined;
}
export interface DownloadOptions extends PatienceOptions {
  readonly token: TokenOf;
  readonly etag?: string | undefined;
  readonly onEtag: (etag: string) => void;
  readonly onBytes: (bytes: number) => void;
}

/**
 * Downloads one file as the server compresses it (gzip, kept as it is). It continues `file.part` only if the ETag still
 * matches. A file that changed, because a member left, is downloaded again as a whole. The download survives a restart
 * of the platform. It fails if no new byte has come for the whole budget (`patienceMs`), or after a 4xx.
 */
export async function download(url: string, file: string, options: DownloadOptions): Promise<Downloaded> {
  const part = `${file}.part`;
  const patience = new Patience(options);
  let etag = options.etag;
  /**
   * A repeated byte is no progress, so a connection that is cut at the same place again and again ends the download.
   */
  let furthest = 0;

  const attempt = async (token: string): Promise<Downloaded | 'again'> => {
    const have = existsSync(part) ? statSync(part).size : 0;
    const headers: Record<string, string> = {
      authorization: `Bearer ${token}`,
      'accept-encoding': 'gzip',
      accept: 'application/fhir+ndjson',
    };
    if (have > 0 && etag !== undefined) Object.assign(headers, { range: `bytes=${have}-`, 'if-range': etag });
    const response = await open(url, headers);
    const status = response.statusCode ?? 0;
    if (status === 416 && headers['range'] !== undefined) {
      response.resume();
      rmSync(part, { force: true });
      return 'again';
    }
    if (status !== 200 && status !== 206) {
      const fault = faultOf(status, await bodyOf(response));
      if (status === 429 || status >= 500)
        throw new TemporaryFault(url, fault, { retryAfter: response.headers['retry-after'] });
      if (status === 404) throw new FileGone(EXIT.refused, fault);
      throw new CliError(status === 401 ? EXIT.unauthorized : EXIT.refused, fault);
    }
    etag = response.headers.etag;
    if (etag !== undefined) options.onEtag(etag);
    let size = status === 206 ? have : 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      options.onBytes(chunk.length);
      if (size <= furthest) return;
      furthest = size;
      patience.progress();
    });
    // A part of an earlier release may be readable by others. The mode of the stream counts for new files only.
    if (existsSync(part)) chmodSync(part, 0o600);
    await pipeline(response, createWriteStream(part, { flags: status === 206 ? 'a' : 'w', mode: 0o600 }));
    if (!response.complete) throw new TemporaryFault(url, 'the connection was cut');
    renameSync(part, file);
    return { bytes: statSync(file).size, etag };
  };

  for (;;) {
    const result = await patience.run(() =>
      authorized(options.token, async (token) => {
        try {
          return await attempt(token);
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (error instanceof CliError || LOCAL_FAULTS.has(code ?? '')) throw error;
          throw new TemporaryFault(url, code ?? (error as Error).message);
        }
      }),
    );
    if (result !== 'again') return result;
  }
}

/** A step of a file costs a turn of the thread pool and of the event loop, so a step is large. */
const STEP_BYTES = 256 * 1024;
const LINE_FEED = 10;

/** Lines of a gzip NDJSON file, streamed as strings. */
export async function* gunzipLines(file: string): AsyncGenerator<string> {
  // The beginning of a line, in pieces. Each byte is decoded once, and only the lines between two steps are joined.
  let rest: Buffer[] = [];
  // A line that begins with U+FEFF is no JSON, so it is not hidden.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const compressed = createReadStream(file, { highWaterMark: STEP_BYTES });
  for await (const chunk of compressed.pipe(createGunzip({ chunkSize: STEP_BYTES })) as AsyncIterable<Buffer>) {
    const [first, last] = [chunk.indexOf(LINE_FEED), chunk.lastIndexOf(LINE_FEED)];
    if (first < 0) {
      rest.push(chunk);
      continue;
    }
    yield decoder.decode(Buffer.concat([...rest, chunk.subarray(0, first)]));
    if (last > first) yield* decoder.decode(chunk.subarray(first + 1, last)).split('\n');
    rest = [chunk.subarray(last + 1)];
  }
  const end = decoder.decode(Buffer.concat(rest));
  if (end !== '') yield end;
}
