import type { Secret, SigningKeys } from '@provider-access/smart';
import {
  type DomainEvent,
  deadLetterTopic,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  toStructured,
} from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { type Answer, type Call, PAYER_TOKEN, PlatformProcess } from './kill-points/platform-process.ts';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { mapBlobs } from './kill-points/blobs.ts';
import { ManualClock } from './kill-points/world.ts';

export const NOON = Date.parse('2026-06-01T12:00:00Z');
/** The apps are approved a day earlier, so that a clock that steps back does not undo the approval. */
const DAY_BEFORE = NOON - 86_400_000;

export type Json = ReturnType<typeof JSON.parse>;
export const json = (answer: Answer): Json => JSON.parse(answer.body);
export const iso = (ms: number): string => new Date(ms).toISOString();

/** A clock that can step back. `Clock.steady` does not step back with it. */
class SteppingClock extends ManualClock {
  #steppedBack = 0;
  stepBack(ms: number): void {
    this.ms -= ms;
    this.#steppedBack += ms;
  }
  steady(): number {
    return this.ms + this.#steppedBack;
  }
}

/** Two processes of all five services over shared engines. Each process has a clock of its own. */
export class TwoProcesses {
  readonly clocks = { one: new SteppingClock(DAY_BEFORE), two: new SteppingClock(DAY_BEFORE) };
  readonly #log = openMemoryLog({ partitions: 2, now: () => this.clocks.one.now() });
  readonly #receipts = new Set<string>();
  readonly #processes = new Map<'one' | 'two', PlatformProcess>();
  readonly #closing: (() => Promise<unknown>)[] = [];

  /** The engines use the clock of the first process. */
  static async start(keys: Secret<SigningKeys>): Promise<TwoProcesses> {
    const both = new TwoProcesses();
    const now = (): number => both.clocks.one.now();
    const log = both.#log;
    const state = openMemoryState({ log, now });
    both.#closing.push(
      () => log.close(),
      () => state.close(),
    );
    const engines = {
      log,
      state,
      views: openMemoryViews({ shared: true }),
      blobs: mapBlobs(new Map()),
      // The ttl of an announcement passes by the store's clock, which `pass` moves by seconds within milliseconds.
      presenceNow: () => both.clocks.one.steady(),
    };
    for (const name of ['one', 'two'] as const) {
      const process = await PlatformProcess.start({ ...engines, clock: both.clocks[name], name }, keys);
      both.#processes.set(name, process);
      both.#closing.push(() => process.stop());
    }
    return both;
  }
  async stop(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }
  /** Sends a request to one of the processes, and returns any answer. */
  once(which: 'one' | 'two', url: string, call: Call = {}): Promise<Answer> {
    return this.#processes.get(which)!.request(url, call);
  }
  /** Sends a request until the answer is not "repeat the request". */
  ask(which: 'one' | 'two', url: string, call: Call = {}): Promise<Answer> {
    return eventually(
      async () => {
        const answer = await this.once(which, url, call);
        if (answer.status !== 503) return answer;
        await this.look();
        return false;
      },
      { what: `${url} is answered by ${which}` },
    );
  }
  /** Lets both processes poll the log, as they do twice a second. */
  async look(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.look()));
  }
  /** Waits until the intakes have handled all published events. */
  async handled(): Promise<void> {
    for (const receipt of this.#receipts) {
      const url = `/events/receipts/${receipt}`;
      const what = `the event with the receipt ${receipt} is handled`;
      await eventually(
        async () => {
          await this.look();
          const answer = json(await this.ask('one', url, { token: PAYER_TOKEN }));
          return answer.handled === answer.expected;
        },
        { what },
      );
    }
    this.#receipts.clear();
  }
  /** The dead letters of all topics. */
  async deadLetters(): Promise<readonly string[]> {
    const topics = [PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS].map(deadLetterTopic);
    const found: string[] = [];
    for (const [topic, offsets] of Object.entries(await this.#log.head(topics)))
      for (const [partition, head] of offsets.entries())
        for (const { headers, value } of await this.#log.read(topic, partition, 0, head))
          if (headers['ce_type'] === 'pa.event-parked.v1') found.push(JSON.parse(Buffer.from(value).toString()).reason);
    return found;
  }
  /** Advances both clocks. */
  pass(ms: number): void {
    for (const clock of Object.values(this.clocks)) clock.ms += ms;
  }
  /** Publishes through the first process. @returns the answer for the last event */
  async publish(...events: readonly DomainEvent[]): Promise<Json> {
    let last: Json;
    for (const event of events) {
      const headers = { 'content-type': 'application/cloudevents+json' };
      const body = JSON.stringify(toStructured(event));
      last = json(await this.ask('one', '/events', { method: 'POST', token: PAYER_TOKEN, headers, body }));
      this.#receipts.add(last.receipt);
    }
    return last;
  }
}
