import { setTimeout as delay } from 'node:timers/promises';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { Leases } from '@provider-access/engines/state';

const NAME = 'records/shared';
/** ms that an instance which dies in its turn delays the others. A turn takes milliseconds. */
const TURN_MS = 10_000;
/** ms that a batch waits for its turn: long enough for two turns of instances that died. */
const PATIENCE_MS = 2 * TURN_MS;
const ASK_MS = 20;

interface Turn {
  /** Whether another instance may have had a turn since our last one. */
  readonly othersHadTurns: boolean;
  /** The work calls this before it appends. @throws EngineUnavailable if the turn may be over */
  readonly markOwn: () => void;
}

/**
 * Shared records (Organization, Practitioner, …) have any subject, so they arrive in any partition and at any instance,
 * but their versions must be decided in sequence. So batches with shared records take turns: by a queue in this
 * process, and by a lease between processes.
 */
export class SharedTurn {
  readonly #leases: Leases;
  readonly #holder: string;
  #queue: Promise<unknown> = Promise.resolve();
  #lastToken = 0;

  constructor(leases: Leases, holder: string) {
    this.#leases = leases;
    this.#holder = holder;
  }

  /**
   * Runs the work of a batch in its turn.
   * @throws EngineUnavailable when the turn does not come in time, or the state store is unavailable
   */
  run<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    const run = this.#queue.then(() => this.#turn(work));
    this.#queue = run.catch(() => undefined);
    return run;
  }

  async #turn<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    const asked = performance.now();
    let lease = await this.#leases.acquire(NAME, this.#holder, TURN_MS);
    while (lease === undefined) {
      if (performance.now() - asked > PATIENCE_MS)
        throw new EngineUnavailable('another instance is busy with shared records');
      await delay(ASK_MS);
      lease = await this.#leases.acquire(NAME, this.#holder, TURN_MS);
    }
    const begun = performance.now();
    const othersHadTurns = lease.token !== this.#lastToken + 1;
    this.#lastToken = lease.token;
    try {
      return await work({
        othersHadTurns,
        markOwn() {
          if (performance.now() - begun > TURN_MS / 2)
            throw new EngineUnavailable('the turn for shared records took too long');
        },
      });
    } finally {
      // A lease that cannot be released expires by itself.
      await this.#leases.release(lease).catch(() => undefined);
    }
  }
}
