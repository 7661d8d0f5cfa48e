import { randomUUID } from 'node:crypto';
import { instant, Refusal } from '@provider-access/kernel';
import { LeasedRuns } from '@provider-access/engines/jobs';
import type { BackgroundJob } from '@provider-access/process/service-module';
import type { ServicePorts } from '@provider-access/service/http';
import type { CorrectionCheck } from '../../intake/correction-check.ts';
import { type Cause, findCause } from '../../projections/dead-letter-causes.ts';
import { deadLetters } from '../../projections/dead-letters.ts';
import { receipts } from '../../projections/receipts.ts';
import type { Run } from './run.ts';
import { stepOf, type StepOptions } from './run-step.ts';
import { RunStore } from './run-store.ts';

/** Longer than a step, which waits for the outcomes of its events. */
const LEASE_MS = 60_000;

type Asked = Pick<Run, 'cause' | 'action' | 'why' | 'patch' | 'by'>;

/**
 * Replays or discards every open dead letter of a cause. A run is in the state store and goes on in steps, in one
 * process at a time. So it goes on when the page that started it is closed, and after a restart.
 */
export class DeadLetterRuns implements BackgroundJob {
  readonly runs: RunStore;
  readonly #ports: ServicePorts;
  readonly #step: StepOptions;
  readonly #loop: LeasedRuns<Run>;
  #isStopping = false;

  constructor(ports: ServicePorts, check: Pick<CorrectionCheck, 'faultOf'>) {
    this.runs = new RunStore(ports.state.streams);
    this.#ports = ports;
    const { views } = ports;
    this.#step = { ports, letters: views.reader(deadLetters), receipts: views.reader(receipts), check };
    const { leases } = ports.state;
    this.#loop = new LeasedRuns({
      leases,
      lease: 'resources/dead-letter-runs',
      holder: `resources-${randomUUID()}`,
      leaseMs: LEASE_MS,
      next: async () => (await this.runs.open())[0],
      take: (run, lease) => this.#take(run, (ms) => leases.renew(lease, ms)),
      failed: (error) =>
        ports.logger.warn(
          { reason: error instanceof Error ? error.name : 'unknown' },
          'could not go on with the dead letters of a cause; the next try goes on',
        ),
    });
  }

  start(): void {
    this.#loop.start();
  }
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop.stop();
  }

  /** @throws Refusal if no dead letter of the cause is open, or another run takes them */
  async begin({ cause, action, why, patch, by }: Asked): Promise<Run> {
    const found: Cause | undefined = await findCause(this.#step.letters, 'open', cause);
    if (found === undefined) throw new Refusal('not-found', 'No open dead letter has this cause.');
    const { reason, detail, eventType, count, isMore } = found;
    const run = await this.runs.add({
      ...{ cause, reason, detail, action, by, isCorrected: patch !== undefined },
      ...(eventType !== undefined && { eventType }),
      ...(why !== undefined && { why }),
      ...(patch !== undefined && { patch }),
      startedAt: instant(this.#ports.clock.now()),
      status: 'running',
      of: { count, isMore },
      ...{ taken: 0, counts: {}, failures: [] },
    });
    void this.#loop.look();
    return run;
  }

  /** A step that is being made is finished. */
  end(id: string, status: 'done' | 'stopped'): Promise<Run> {
    return this.runs.end(id, status, instant(this.#ports.clock.now()));
  }

  async #take(run: Run, renew: (ms: number) => Promise<boolean>): Promise<void> {
    let now = run;
    while (now.status === 'running' && !this.#isStopping) {
      const step = await stepOf(this.#step, now);
      now = step === undefined ? await this.end(now.id, 'done') : await this.runs.step(now, step);
      if (!(await renew(LEASE_MS))) return;
    }
    // Also when a process ended between the end of the run and the end of its entry in the list.
    if (now.status !== 'running') await this.end(now.id, 'done');
  }
}
