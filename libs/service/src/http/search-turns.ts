import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Refusal } from '@provider-access/kernel';

/** Searches of one client that are in work. */
const OF_A_CLIENT = 2;
/** Searches of all clients that are in work. Each one may hold a page of 16 MiB. */
const OF_ALL = 32;
/** Searches of one client that wait. */
const WAITING = 64;
/** The connection of a client that takes nothing of its answer for so long is cut, ms. */
const SEND_IDLE_MS = 60_000;

interface Line {
  /** In work, or answered and not yet taken by the client. */
  busy: number;
  readonly waiting: Set<() => void>;
}

/** The responses of a pipeline learn one after the other that their connection is closed. */
const isClosed = ({ destroyed, req }: ServerResponse): boolean => destroyed || req.socket.destroyed;

/** Lets the clients of a process search in turn, so that no client takes the time or the memory of all others. */
export class SearchTurns {
  /** The client that was served last stands at the end. */
  readonly #lines = new Map<string, Line>();
  #working = 0;

  /**
   * Runs a search when it is the client's turn. A search whose connection is closed while it waits does not run.
   * @throws Refusal too-many-requests
   */
  async take(client: string, response: ServerResponse, search: () => Promise<void>): Promise<void> {
    if (!(await this.#begins(client, response))) return;
    let isSent = false;
    try {
      if (!isClosed(response)) await search();
      isSent = true;
    } finally {
      this.#working--;
      // The answer stays in memory until the client has taken it.
      if (isSent && !response.writableFinished && !isClosed(response)) {
        let isOver = false;
        const over = (): void => {
          if (!isOver) this.#leave(client);
          isOver = true;
        };
        response.once('finish', over).once('close', over);
        // Fastify's `inject` has another kind of socket.
        if (response.socket instanceof Socket) response.socket.setTimeout(SEND_IDLE_MS);
        this.#next();
      } else this.#leave(client);
    }
  }

  /** False if the connection was closed before. */
  async #begins(client: string, response: ServerResponse): Promise<boolean> {
    if (isClosed(response)) return false;
    const line = this.#lines.get(client) ?? { busy: 0, waiting: new Set() };
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

  #leave(client: string): void {
    const line = this.#lines.get(client)!;
    line.busy--;
    this.#forget(client, line);
    this.#next();
  }
  #forget(client: string, { busy, waiting }: Line): void {
    if (busy === 0 && waiting.size === 0) this.#lines.delete(client);
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
