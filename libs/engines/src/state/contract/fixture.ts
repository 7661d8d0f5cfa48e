import type { EventLog } from '@provider-access/engines/log';
import type { State } from '../port.ts';

export interface StateOptions {
  readonly log?: EventLog;
  readonly now: () => number;
}

/** What an adapter brings: opening the same data again (after closing) is part of it unless nothing survives. */
export interface StateHarness {
  open(options: StateOptions): Promise<State>;
  readonly durable: boolean;
  close(): Promise<void>;
}

/** What a row works on; each row gets new ones. `clock` is moved by the row. */
export interface Fixture {
  harness: StateHarness;
  log: EventLog & { faults: { away: boolean; loseAnswers: number } };
  state: State;
  clock: number;
  /** Closes and opens the same data. */
  reopen(options?: Partial<StateOptions>): Promise<void>;
}
