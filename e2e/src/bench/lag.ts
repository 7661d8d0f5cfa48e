import { setTimeout as delay } from 'node:timers/promises';
import type { DomainEvent } from '@provider-access/events';
import { Server, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer, type MemberLedger } from '@provider-access/synthetic';
import { payerEvent, publishAll, registerApp, tell, type TestApp } from '../road.ts';
import { AS_OF } from './measures.ts';

interface Waiting {
  readonly path: string;
  readonly acknowledged: number;
}
const MEMBERS = 6;
/** Pause between reads while intake works off a backlog (lag is seconds), and otherwise. Reads cost CPU time too. */
const PAUSE = { load: 100, gentle: 5 };

/**
 * The bench publishes members of its payer behind the first `members` (ids are unique by number, not by payer), which
 * warms everything up. It records resources of theirs under new ids. Nothing about the first members changes who may
 * see these.
 */
export async function openProbes(platform: PlatformProcess, seed: string, members: number): Promise<Probes> {
  const payer = syntheticPayer({ seed, members: members + MEMBERS, asOf: AS_OF });
  const numbers = Array.from({ length: MEMBERS }, (_, i) => members + 1 + i);
  await publishAll(platform, [...payer.providerEvents(), ...numbers.flatMap((n) => payer.memberEvents(n).events)]);
  const ledgers = numbers.map((n) => payer.ledger.member(n));
  const visible = (npi: string) => ledgers.filter((m) => m.visibleTo.includes(npi));
  const provider = payer.providerOrganizations.toSorted((a, b) => visible(b.npi).length - visible(a.npi).length)[0]!;
  const app = await registerApp(platform, { name: 'lag', npi: provider.npi, tin: provider.tin });
  const templates = visible(provider.npi).flatMap(templateOf);
  if (templates.length === 0) throw new Error('nobody sees an Observation of the members of the probes');
  return new Probes(platform, app, templates);
}

/** Records an existing, visible Observation again. */
const templateOf = ({ member, resources }: MemberLedger): DomainEvent[] =>
  [...resources.values()]
    .filter(({ resource }) => resource.resourceType === 'Observation')
    .slice(0, 1)
    .map(({ resource }) => payerEvent('payer.resource-recorded.v1', member, { resource }));

/**
 * Lag is the time from the acknowledgement of an event until an app of a provider reads the resource. So it covers the
 * log, intake, the log again, the views and the read. Its resolution is the pause between reads.
 */
class Probes {
  readonly #platform: PlatformProcess;
  readonly #server: Server;
  readonly #app: TestApp;
  readonly #templates: readonly DomainEvent[];
  #sent = 0;
  #refused = 0;

  constructor(platform: PlatformProcess, app: TestApp, templates: readonly DomainEvent[]) {
    this.#platform = platform;
    this.#server = new Server(platform.base);
    this.#app = app;
    this.#templates = templates;
  }

  /** Ms of each sampled event: one every `everyMs` until `done` resolves, then until the last one is visible. */
  async underLoad(everyMs: number, done: Promise<unknown>): Promise<number[]> {
    const queues = this.#templates.map((): Waiting[] => []);
    const seen: number[] = [];
    let running = true;
    const watching = this.#watch(queues, seen, PAUSE.load, () => running);
    const ended = done.then(
      () => (running = false),
      () => (running = false),
    );
    while (running) {
      const [at, waiting] = await this.#record();
      queues[at]!.push(waiting);
      await Promise.race([ended, delay(everyMs)]);
    }
    await watching;
    return seen;
  }

  /** Single events at a steady rate. Every tenth is sampled. */
  async gentle(eventsPerSecond: number, seconds: number): Promise<number[]> {
    const queues = this.#templates.map((): Waiting[] => []);
    const seen: number[] = [];
    let running = true;
    const watching = this.#watch(queues, seen, PAUSE.gentle, () => running);
    const started = performance.now();
    const sending: Promise<void>[] = [];
    for (let i = 0; i < eventsPerSecond * seconds; i += 1) {
      const wait = started + (i * 1000) / eventsPerSecond - performance.now();
      if (wait > 0) await delay(wait);
      sending.push(
        this.#record().then(([at, waiting]) => {
          if (i % 10 === 0) queues[at]!.push(waiting);
        }),
      );
    }
    await Promise.all(sending);
    running = false;
    await watching;
    return seen;
  }

  /** Reads that were answered 503 since the last call, because the facts were too old. */
  unavailable(): number {
    const refused = this.#refused;
    this.#refused = 0;
    return refused;
  }

  /** Records one resource under a new id. */
  async #record(): Promise<[number, Waiting]> {
    const n = this.#sent++;
    const at = n % this.#templates.length;
    const template = this.#templates[at]!;
    const id = `lag-${process.pid}-${n}`;
    const resource = { ...(template.data as { resource: Record<string, unknown> }).resource, id };
    const row = await tell(this.#platform, { ...template, id, data: { ...(template.data as object), resource } });
    if (row.status !== 'accepted')
      throw new Error(`an event of the probes was answered ${row.status} (${row.reason ?? ''})`);
    return [at, { path: `/fhir/Observation/${id}`, acknowledged: performance.now() }];
  }

  /** Asks for the oldest sample of each member, because a later one becomes visible later. */
  async #watch(queues: readonly Waiting[][], seen: number[], pauseMs: number, running: () => boolean): Promise<void> {
    await Promise.all(
      queues.map(async (queue) => {
        while (running() || queue.length > 0) {
          const next = queue[0];
          if (next !== undefined) {
            const { status } = await this.#server.call(next.path, {
              token: await this.#app.tokens.get(),
              accept: [404, 503],
            });
            if (status === 503) this.#refused += 1;
            if (status === 200) {
              seen.push(performance.now() - next.acknowledged);
              queue.shift();
              continue;
            }
            if (performance.now() - next.acknowledged > 300_000)
              throw new Error(
                `an acknowledged event is not visible after five minutes: the last read was answered ${status}`,
              );
          }
          await delay(pauseMs);
        }
      }),
    );
  }
}
