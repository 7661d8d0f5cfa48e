import type { Clock } from '@provider-access/kernel';
import type { State } from '@provider-access/engines/state';
import { isRunning } from '../domain/job/job.ts';
import type { JobStreams } from './job-stream.ts';

const NAMESPACE = 'export-slot';
/** A job that was not requested within this time after it took its slot never will be. */
const TAKEN_FOR_MS = 60_000;

/**
 * How many jobs a client may have running: numbered slots, each held by one job, so that two kick-offs cannot both be
 * the third.
 */
export class RunningSlots {
  private readonly state: State;
  private readonly streams: JobStreams;
  private readonly clock: Clock;
  private readonly slots: number;
  constructor(state: State, streams: JobStreams, clock: Clock, slots: number) {
    this.state = state;
    this.streams = streams;
    this.clock = clock;
    this.slots = slots;
  }

  /** Returns false when every slot is held by a running job. A slot whose job ended or never began is taken over. */
  async take(client: string, job: string): Promise<boolean> {
    const owner = `${job}@${this.clock.now()}`;
    for (let slot = 0; slot < this.slots; slot++) {
      const key = `${client}/${slot}`;
      const holder = await this.state.claims.claim(NAMESPACE, key, owner);
      if (holder === owner) return true;
      if (!(await this.isDead(holder))) continue;
      await this.state.claims.release(NAMESPACE, key, holder);
      if ((await this.state.claims.claim(NAMESPACE, key, owner)) === owner) return true;
    }
    return false;
  }

  /** A job has one slot, or none any more. */
  async release(client: string, job: string): Promise<void> {
    for (let slot = 0; slot < this.slots; slot++) {
      const key = `${client}/${slot}`;
      const holder = await this.state.claims.get(NAMESPACE, key);
      if (holder?.split('@')[0] !== job) continue;
      await this.state.claims.release(NAMESPACE, key, holder);
      return;
    }
  }

  private async isDead(holder: string): Promise<boolean> {
    const [id = '', at] = holder.split('@');
    const job = await this.streams.load(id);
    return job === undefined ? Number(at) < this.clock.now() - TAKEN_FOR_MS : !isRunning(job);
  }
}
