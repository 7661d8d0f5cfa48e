import { createReadStream, createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CliError, EXIT } from '../output.ts';
import { faultOf } from './server.ts';

const IDLE_MS = 60_000;

function open(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, { headers, timeout: IDLE_MS }, resolve);
    request.on('timeout', () => request.destroy(new Error('idle')));
    request.on('error', reject);
    request.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export interface Downloaded { readonly bytes: number; readonly etag: string | undefined }

/**
 * Downloads one file as the server compresses it (gzip, kept as it is). What is already in `file.part` is asked for again only
 * when the ETag still fits; a file that changed (a member left) comes whole.
 */
export async function download(url: string, file: string, options: { token: () => Promise<string>; etag?: string | undefined; onEtag: (etag: string) => void; onBytes: (bytes: number) => void; attempts?: number }): Promise<Downloaded> {
  const part = `${file}.part`;
  let etag = options.etag;
  let last: unknown;
  for (let attempt = 0; attempt < (options.attempts ?? 6); attempt += 1) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** attempt, 5_000)));
    const have = existsSync(part) ? statSync(part).size : 0;
    const headers: Record<string, string> = { authorization: `Bearer ${await options.token()}`, 'accept-encoding': 'gzip', accept: 'application/fhir+ndjson' };
    if (have > 0 && etag !== undefined) Object.assign(headers, { range: `bytes=${have}-`, 'if-range': etag });
    try {
      const response = await open(url, headers);
      const status = response.statusCode ?? 0;
      if (status === 416) {
        response.resume();
        rmSync(part, { force: true });
        continue;
      }
      if (status === 401 || status === 429 || status >= 500) {
        last = new CliError(status === 401 ? EXIT.unauthorized : EXIT.unavailable, faultOf(status, await bodyOf(response)));
        continue;
      }
      if (status !== 200 && status !== 206) throw new CliError(EXIT.refused, faultOf(status, await bodyOf(response)));
      etag = response.headers.etag;
      if (etag !== undefined) options.onEtag(etag);
      response.on('data', (chunk: Buffer) => options.onBytes(chunk.length));
      await pipeline(response, createWriteStream(part, { flags: status === 206 ? 'a' : 'w' }));
      if (!response.complete) throw new Error('the connection was cut');
      renameSync(part, file);
      return { bytes: statSync(file).size, etag };
    } catch (error) {
      if (error instanceof CliError && error.code === EXIT.refused) throw error;
      last = error;
    }
  }
  throw last instanceof CliError ? last : new CliError(EXIT.unavailable, `a file could not be downloaded whole (${(last as Error | undefined)?.message ?? 'no answer'}): run the same command again, it goes on where it stopped`);
}

/** Lines of a gzip NDJSON file, streamed as strings. */
export async function* gunzipLines(file: string): AsyncGenerator<string> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of createReadStream(file).pipe(createGunzip())) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
