import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Refusal } from '@provider-access/kernel';

/** Searches of one client that are in work. */
const OF_A_CLIENT = 2;
/** Searches of all clients that are in work. Each one may hold a page of 16 MiB. */
const OF_ALL = 32;
/** Searches of one client that wait. */
const WAITING = 64;
/** An answer of at most so many bytes needs no place, and so many of them may wait for the audit or for the client. */
const SMALL_BYTES = 512 * 1024;
const SMALL_OF_A_CLIENT = 16;
/** The connection of a client that takes nothing of its answer for so long is cut, ms. */
const SEND_IDLE_MS = 60_000;

interface Line {
  /** In work, or answered and not yet taken by the client. */
  busy: number;
  /** Small answers that the client has not yet taken. */
  small: number;
  readonly waiting: Set<() => void>;
}
/** A search. It calls `made` when its whole answer is in memory. */
type Search = (made: (bytes: number) => void) => Promise<void>;

/** The responses of a pipeline learn one after the other that their connection is closed. */
const isClosed = ({ destroyed, req }: ServerResponse): boolean => destroyed || req.socket.destroyed;

/** Lets the clients of a process search in turn, so that no client takes the time or the memory of all others. */
export class SearchTurns {
  /** The client that was served last stands at the end. */
  readonly #lines = new Map<string, Line>();
  #working = 0;

  /**
   * Runs a search when it is the client's turn. A search whose connection is closed while it waits does not run. A
   * search gives its place back when it has made a small answer, and otherwise when the client has taken the answer. So
   * small answers wait for one write of the audit together, and not two by two.
   * @throws Refusal too-many-requests
   */
  async take(client: string, response: ServerResponse, search: Search): Promise<void> {
    if (!(await this.#begins(client, response))) return;
    const line = this.#lines.get(client)!;
    let holds: 'busy' | 'small' = 'busy';
    let isSent = false;
    try {
      if (!isClosed(response))
        await search((bytes) => {
          if (holds === 'small' || bytes > SMALL_BYTES || line.small >= SMALL_OF_A_CLIENT) return;
          holds = 'small';
          line.small++;
          line.busy--;
          this.#working--;
          this.#next();
        });
      isSent = true;
    } finally {
      if (holds === 'busy') this.#working--;
      // The answer stays in memory until the client has taken it.
      if (isSent && !response.writableFinished && !isClosed(response)) {
        let isOver = false;
        const over = (): void => {
          if (!isOver) this.#leave(client, line, holds);
          isOver = true;
        };
        response.once('finish', over).once('close', over);
        // Fastify's `inject` has another kind of socket.
        if (response.socket instanceof Socket) response.socket.setTimeout(SEND_IDLE_MS);
        this.#next();
      } else this.#leave(client, line, holds);
    }
  }

  /** False if the connection was closed before. */
  async #begins(client: string, response: ServerResponse): Promise<boolean> {
    if (isClosed(response)) return false;
    const line = this.#lines.get(client) ?? { busy: 0, small: 0, waiting: new Set() };
    if (line.waiting.size >= WAITING)
      throw new Refusal(
        'too-many-requests',
        `${WAITING} searches of this client wait already. Send the next search after one of them was answered.`,
        { retryAfter: 1 },
      );
    this.#lines.set(client, line);
    return new Promise((resolve) => {
      const begin = (): void => {
        response.off('close', closed);
        resolve(true);
      };
      const closed = (): void => {
        line.waiting.delete(begin);
        this.#forget(client, line);
        resolve(false);
      };
      response.once('close', closed);
      line.waiting.add(begin);
      this.#next();
    });
  }

  #leave(client: string, line: Line, holds: 'busy' | 'small'): void {
    line[holds]--;
    this.#forget(client, line);
    this.#next();
  }
  #forget(client: string, { busy, small, waiting }: Line): void {
    if (busy === 0 && small === 0 && waiting.size === 0) this.#lines.delete(client);
  }

  /** Begins what may begin, one search of each client and then the next round. */
  #next(): void {
    for (const [client, line] of this.#lines) {
      if (this.#working >= OF_ALL) return;
      const [begin] = line.waiting;
      if (begin === undefined || line.busy >= OF_A_CLIENT) continue;
      line.waiting.delete(begin);
      line.busy++;
      this.#working++;
      // A client that is moved to the end is visited again in this loop.
      this.#lines.delete(client);
      this.#lines.set(client, line);
      begin();
    }
  }
}
