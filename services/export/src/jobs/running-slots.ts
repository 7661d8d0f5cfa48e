import type { Clock } from '@provider-access/kernel';
import type { State } from '@provider-access/engines/state';
import { isRunning } from '../domain/job/job.ts';
import type { JobStreams } from './job-stream.ts';

const NAMESPACE = 'export-slot';
/** ms. A slot whose job was not requested within this time is free again, because the kick-off has failed. */
const TAKEN_FOR_MS = 60_000;

/**
 * Limits the running jobs of a client. Each job holds a numbered slot, so that two kick-offs at the same time cannot
 * both take the last one.
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

  /** Returns false when running jobs hold all slots. Takes over a slot whose job has ended or never began. */
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
