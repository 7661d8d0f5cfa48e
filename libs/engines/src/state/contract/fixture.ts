import type { EventLog } from '../../log/index.ts';
import type { State } from '../port.ts';

export interface StateOptions {
  readonly log?: EventLog;
  readonly now: () => number;
}

/** The hooks of an adapter. `open` after a close opens the same data, unless nothing survives. */
export interface StateHarness {
  open(options: StateOptions): Promise<State>;
  readonly durable: boolean;
  close(): Promise<void>;
}

/** The objects of one test, which are new for each test. The test moves `clock`. */
export interface Fixture {
  harness: StateHarness;
  log: EventLog & { faults: { away: boolean; loseAnswers: number } };
  state: State;
  clock: number;
  /** Closes and opens the same data. */
  reopen(options?: Partial<StateOptions>): Promise<void>;
}
