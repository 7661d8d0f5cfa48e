import { randomUUID } from 'node:crypto';
import type { Leases } from '@provider-access/engines/state';
import { Refusal } from '@provider-access/kernel';

/** Runs tasks of this process one after the other, so that they do not compete with each other. */
export class InSequence {
  #last: Promise<unknown> = Promise.resolve();
  run<T>(task: () => Promise<T>): Promise<T> {
    const next = this.#last.then(task);
    this.#last = next.catch(() => undefined);
    return next;
  }
}

/**
 * Runs one task at a time over all instances. Tasks of one instance wait in sequence, so that they do not refuse each
 * other because of the lease.
 */
export class OneAtATime {
  readonly #sequence = new InSequence();
  readonly #leases: Leases;
  readonly #lease: readonly [name: string, ms: number];
  readonly #busy: string;
  /** @param ms longer than a task takes: if its instance dies, the next task waits this long */
  constructor(leases: Leases, lease: readonly [name: string, ms: number], busy: string) {
    this.#leases = leases;
    this.#lease = lease;
    this.#busy = busy;
  }

  /** @throws Refusal 503 while another instance runs a task */
  run(task: () => Promise<void>): Promise<void> {
    return this.#sequence.run(async () => {
      const [name, ms] = this.#lease;
      const lease = await this.#leases.acquire(name, randomUUID(), ms);
      if (lease === undefined) throw this.busy();
      try {
        await task();
      } finally {
        await this.#leases.release(lease);
      }
    });
  }
  busy(): Refusal {
    return new Refusal('unavailable', `${this.#busy} Repeat the request.`, { retryAfter: 1 });
  }
}
