import { setTimeout as delay } from 'node:timers/promises';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { Leases } from '@provider-access/engines/state';

const NAME = 'records/shared';
/** How long an instance that died in its turn delays the others, ms. A turn takes milliseconds. */
const TURN_MS = 10_000;
/** How long a batch waits for its turn, ms: twice that of one that died. */
const PATIENCE_MS = 2 * TURN_MS;
const ASK_MS = 20;

/**
 * Shared records (Organization, Practitioner, …) come under any subject, so in any partition and to any instance. Their
 * versions must still be decided one after the other. So batches that contain some take turns: in this process by a
 * queue, and between processes by a lease.
 */
export class SharedTurn {
  private readonly leases: Leases;
  private readonly holder: string;
  private queue: Promise<unknown> = Promise.resolve();
  private lastToken = 0;

  constructor(leases: Leases, holder: string) {
    this.leases = leases;
    this.holder = holder;
  }

  /**
   * `work` learns whether another instance may have had a turn since the last one here, and calls `mine` before it
   * appends.
   * @throws EngineUnavailable when the turn does not come, or the state is away
   */
  run<T>(work: (turn: { readonly others: boolean; readonly mine: () => void }) => Promise<T>): Promise<T> {
    const run = this.queue.then(() => this.turn(work));
    this.queue = run.catch(() => undefined);
    return run;
  }

  private async turn<T>(
    work: (turn: { readonly others: boolean; readonly mine: () => void }) => Promise<T>,
  ): Promise<T> {
    const asked = performance.now();
    let lease = await this.leases.acquire(NAME, this.holder, TURN_MS);
    while (lease === undefined) {
      if (performance.now() - asked > PATIENCE_MS)
        throw new EngineUnavailable('another instance is busy with shared records');
      await delay(ASK_MS);
      lease = await this.leases.acquire(NAME, this.holder, TURN_MS);
    }
    const begun = performance.now();
    const others = lease.token !== this.lastToken + 1;
    this.lastToken = lease.token;
    try {
      return await work({
        others,
        mine() {
          if (performance.now() - begun > TURN_MS / 2)
            throw new EngineUnavailable('the turn for shared records took too long');
        },
      });
    } finally {
      // It runs out by itself when it cannot be given back.
      await this.leases.release(lease).catch(() => undefined);
    }
  }
}
