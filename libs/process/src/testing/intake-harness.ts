import { randomUUID } from 'node:crypto';
import type { DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  deadLetterTopic,
  type DomainEvent,
  encodeEvent,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  type Service,
} from '@provider-access/events';
import type { NewRecord, Position, Subscription } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import type { Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Facts } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import { createServiceApp, type ServicePorts } from '@provider-access/service/http';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { counted } from './stand-ins.ts';

export const START = Date.UTC(2026, 5, 1, 12);

/** A service that derives from the payer's events, on memory engines, with a clock that the test sets. */
export abstract class IntakeHarness {
  now = START;
  readonly log = openMemoryLog({ now: () => this.now });
  readonly state = openMemoryState({ log: this.log, now: () => this.now });
  /** Calls of the state store (`streams.load NAME`) since the test emptied this list. */
  readonly calls: string[] = [];
  readonly views: Views = openMemoryViews();
  readonly ports: ServicePorts = {
    log: this.log,
    views: this.views,
    state: {
      ...this.state,
      streams: counted(this.state.streams, 'streams', this.calls),
      claims: counted(this.state.claims, 'claims', this.calls),
      bridging: counted(this.state.bridging, 'bridging', this.calls),
    },
    clock: { now: () => this.now },
    logger: silentLogger,
    metrics: new Metrics(),
  };
  app!: NestFastifyApplication;
  facts!: Facts;
  readonly #intakes: Subscription[] = [];

  protected async run(name: Service, module: DynamicModule): Promise<void> {
    const subscribe = this.log.subscribe.bind(this.log);
    this.log.subscribe = async (options) => {
      const subscription = await subscribe(options);
      if (options.group.startsWith(name)) this.#intakes.push(subscription);
      return subscription;
    };
    this.app = await createServiceApp(module, { name, ports: this.ports });
    this.facts = this.app.get(Facts);
  }
  async stop(): Promise<void> {
    await this.app.close();
    await this.log.close();
    await this.state.close();
  }
  /** The service no longer reads the payer's events. */
  async stopIntake(): Promise<void> {
    for (const intake of this.#intakes) await intake.stop();
  }

  payerHead(): Promise<Position> {
    return this.log.head([PAYER_MEMBER_EVENTS, PAYER_PROVIDER_EVENTS]);
  }
  /** Waits until the facts have passed everything that the payer appended. */
  async passed(): Promise<void> {
    if (!(await this.facts.access.waitForPayer(await this.payerHead(), 60_000)))
      throw new Error('the facts did not pass the events');
  }
  async append(...events: readonly DomainEvent[]): Promise<void> {
    for (const event of events) await this.log.append(topicOf(event), [encodeEvent(event)]);
  }
  /** Appends payer events, one after another, and waits until the facts have passed them. */
  async publish(...events: readonly DomainEvent[]): Promise<void> {
    await this.append(...events);
    await this.passed();
  }
  async publishRaw(record: NewRecord): Promise<void> {
    await this.log.append(PAYER_MEMBER_EVENTS, [record]);
    await this.passed();
  }
  /** Publishes an event with the hint of a replay, as an operator does, and the dead-letter topic names its place. */
  async replay(deadLetter: string, event: DomainEvent, parkedOn: string = PAYER_MEMBER_EVENTS): Promise<void> {
    const topic = topicOf(event);
    const record = encodeEvent({ ...event, extensions: { ...event.extensions, pareplayof: deadLetter } });
    const [{ partition, offset }] = (await this.log.append(topic, [record])) as [{ partition: number; offset: number }];
    await this.#note('replayed', deadLetter, parkedOn, {
      corrected: true,
      event: event.id,
      place: { topic, partition, offset },
    });
    await this.passed();
  }
  discard(deadLetter: string, parkedOn: string = PAYER_MEMBER_EVENTS): Promise<void> {
    return this.#note('discarded', deadLetter, parkedOn, { reason: 'test' });
  }
  async #note(outcome: 'replayed' | 'discarded', deadLetter: string, parkedOn: string, data: object): Promise<void> {
    const at = instant(this.now);
    const event = {
      id: randomUUID(),
      source: 'urn:provider-access:resources',
      type: `pa.dead-letter-${outcome}.v1`,
      time: at,
      subject: deadLetter,
      data: { deadLetter, by: 'payer', at, ...data },
    };
    await this.log.append(deadLetterTopic(parkedOn), [encodeEvent(event)]);
  }
}

const topicOf = ({ type }: DomainEvent): string =>
  /network|list-changed/.test(type) ? PAYER_PROVIDER_EVENTS : PAYER_MEMBER_EVENTS;

/**
 * How many events the tests of one file may create. Each is a millisecond later than the one before, and none may reach
 * START: the intake would take it for an event of the future and make a dead letter of it.
 */
const MOST_EVENTS = 3_600_000;
let n = 0;
export const payerEvent = (
  type: string,
  subject: string | undefined,
  data: unknown,
  more: Partial<DomainEvent> = {},
): DomainEvent => {
  if (++n > MOST_EVENTS) throw new Error('the next event would lie in the future: raise MOST_EVENTS');
  return {
    id: `e-${n}`,
    source: 'urn:payer',
    type,
    time: instant(START - MOST_EVENTS + n),
    data,
    ...(subject !== undefined && { subject }),
    ...more,
  };
};
