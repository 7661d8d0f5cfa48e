import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface BytesRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}

/**
 * Sends bytes as they are. `fetch` copies a body twice before it reaches the connection, once whole and once in pieces.
 * The bytes may be used again when the answer is there. A redirect is an answer here.
 * @throws what `fetch` throws: a TypeError with the fault of the connection as its cause, or the reason of the signal
 */
export function sendBytes(url: string, { body, signal, ...options }: BytesRequest): Promise<Response> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(signal.aborted ? (signal.reason as Error) : new TypeError('fetch failed', { cause }));
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, {
      ...options,
      headers: { accept: '*/*', ...options.headers, 'content-length': body.length },
      signal,
    });
    request.on('error', fail);
    request.on('response', (response) => {
      textOf(response)
        .then((text) => {
          // Who answers before everything was sent reads no more, and the bytes must not be sent later.
          if (!request.writableFinished) request.destroy();
          resolve(answerOf(response, text));
        })
        .catch(fail);
    });
    request.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function answerOf({ statusCode = 0, rawHeaders }: IncomingMessage, text: string): Response {
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
  const hasBody = statusCode !== 204 && statusCode !== 205 && statusCode !== 304;
  return new Response(hasBody ? text : null, { status: statusCode, headers });
}
