import { Socket } from 'node:net';
import { Readable } from 'node:stream';

/**
 * Access ended during the response. The server resets the connection, so that no client takes the content for complete.
 */
export class AccessEnded extends Error {
  override readonly name = 'AccessEnded';
}

/** ms for which a decision is valid while its bytes are sent. */
export const DECIDED_FOR_MS = 50;

/**
 * The chunks, at the pace of the client, as long as it may have them. `mayGoOn` is called before the first chunk, and
 * again before a later one if the client was slow: it may take minutes.
 * @throws AccessEnded
 */
export async function* whileDecided(
  chunks: AsyncIterable<Uint8Array>,
  mayGoOn: () => boolean | Promise<boolean>,
): AsyncGenerator<Uint8Array> {
  let decidedAt = Number.NEGATIVE_INFINITY;
  for await (const chunk of chunks) {
    if (performance.now() - decidedAt > DECIDED_FOR_MS) {
      if (!(await mayGoOn())) throw new AccessEnded('access ended during the download');
      decidedAt = performance.now();
    }
    yield chunk;
  }
}

/**
 * A stream of the chunks. Resolves when `first` of them are ready, or all if there are fewer. An error before that
 * rejects, so that the caller can still send another answer. A later error destroys the stream.
 */
export async function startedStream(chunks: AsyncGenerator<Uint8Array>, first: number): Promise<Readable> {
  const ahead: Uint8Array[] = [];
  while (ahead.length < first) {
    const next = await chunks.next();
    if (next.done === true) break;
    ahead.push(next.value);
  }
  const stream = Readable.from(joined(ahead, chunks), { objectMode: false, highWaterMark: 64 * 1024 });
  // If the client leaves before the first byte, the outer stream never starts. Close the inner one, which has an open
  // file.
  return stream.once('close', () => void chunks.return(undefined).catch(() => undefined));
}

async function* joined(ahead: readonly Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* ahead;
  yield* rest;
}

/**
 * Resets the connection when access ends. The kernel may buffer megabytes for a slow client, and an ordinary close
 * would still send them. Behind a proxy, the reset reaches only the proxy, which may still send its own buffer.
 */
export function dropWhenAccessEnds(stream: Readable, socket: Socket): void {
  // Requests of tests by `inject` have no socket.
  if (socket instanceof Socket)
    stream.once('error', (error) => error instanceof AccessEnded && socket.resetAndDestroy());
}
