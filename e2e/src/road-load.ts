import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SyntheticPayer } from '@provider-access/synthetic';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { eventually, tokenRequest } from '@provider-access/testing';
import type { TestApp } from './harness.ts';
import { WAIT } from './interrupted.ts';
import { RoadExports, STEADY, type Wanted } from './road-exports.ts';
import {
  findGroup,
  http,
  json,
  optIn,
  optOut,
  payerEvent,
  type HttpAnswer,
  type HttpCall,
  type Served,
} from './road.ts';

/**
 * A payer and a provider that continue their work while the test does something to the platform. They repeat a request
 * only if the platform asks for it (503 with Retry-After). On two cores facts may get too old during a roll-out, and
 * then 503 is right. Any other unexpected answer is a failure that a client would have seen.
 */

export interface Failure {
  readonly atMs: number;
  readonly what: string;
  readonly why: string;
}
export interface LoadReport {
  /** Requests by their purpose. */
  readonly requests: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
  /** Requests that were answered "503, repeat the request", by their purpose. */
  readonly repeated: Readonly<Record<string, number>>;
  readonly slowestMs: Readonly<Record<string, number>>;
  /** Events answered as accepted, without those that were published a second time under their id. */
  readonly events: number;
  readonly exports: number;
  readonly optOuts: number;
  /** Answers that accepted an opt-out or opt-in before it was effective everywhere. */
  readonly late: number;
  /** Answers of BASE about exports of which it did not know the newest yet (`BEHIND`). */
  readonly behind: number;
}
export interface LoadOptions {
  readonly platform: Served;
  readonly payer: SyntheticPayer;
  /** Approved, for the organization. */
  readonly app: TestApp;
  readonly npi: string;
  /** Pause between two requests of a loop, ms. Default 60. */
  readonly pauseMs?: number;
}

const WRITTEN = 8;
/** Below the limit of 60 a minute. */
const TOKEN_MS = 1300;

/** Pause after which a client repeats its request, ms; undefined if the answer does not ask for that. */
const retryAfter = ({ status, headers }: HttpAnswer): number | undefined =>
  status === 503 && /^\d+$/.test(headers['retry-after'] ?? '') ? 1000 * Number(headers['retry-after']) : undefined;

export class RoadLoad {
  readonly #options: LoadOptions;
  readonly #began = performance.now();
  readonly #requests: Record<string, number> = {};
  readonly #slowest: Record<string, number> = {};
  readonly #failures: Failure[] = [];
  readonly #repeated: Record<string, number> = {};
  readonly #road = new RoadExports({
    ask: (...request) => this.#ask(...request),
    consents: () => this.#consents,
  });
  readonly #loops: Promise<void>[] = [];
  /** How many rounds each loop has made, with or without a failure. */
  readonly #rounds = new Map<string, number>();
  /** For each resource that is written: how often, and its last content. */
  readonly #written = new Map<string, { versions: number; text: string }>();
  readonly #out = new Set<string>();
  /** Counts members who left or came back, so that an export knows whether a member stayed away all the time. */
  readonly #moves = new Map<string, number>();
  readonly #steady: readonly string[];
  readonly #leavers: readonly string[];
  readonly #writer: string;
  #baseline: readonly string[] = [];
  #token = '';
  #group = '';
  #exports = 0;
  #optOuts = 0;
  #late = 0;
  /** Counts beginnings and ends of requests by which a member leaves or comes back. */
  #consents = 0;
  #running = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    const members = [...options.payer.ledger.visibleMembers(options.npi)].map((m) => m.member);
    if (members.length < 4) throw new Error('the organization needs four members at least');
    [this.#writer, ...this.#leavers] = members.slice(0, 3) as [string, ...string[]];
    this.#steady = members.slice(3);
  }

  /** Resolves when every loop has begun. From then on each of them works all the time. */
  async start(): Promise<void> {
    this.#running = true;
    this.#token = await this.#options.app.tokens.get();
    this.#group = (await findGroup(this.#options.platform, this.#token, this.#options.npi)).id;
    this.#baseline = await this.#first();
    if (this.#baseline.length === 0) throw new Error('the first export has nothing to compare with');
    const loop = (what: string, once: () => Promise<void>, pauseMs?: number): Promise<void> =>
      this.#loop(what, once, pauseMs);
    this.#loops.push(
      loop('token', () => this.#exchange(), TOKEN_MS),
      loop('event', () => this.#write()),
      loop('read', () => this.#read()),
      loop('search', () => this.#search()),
      loop('export', () => this.#exported()),
      loop('opt-out', () => this.#leave()),
    );
  }

  /** The platform may still be busy with the loaded data, so nothing counts yet. */
  #first(): Promise<readonly string[]> {
    return eventually(() => this.#exportOnce(), { what: 'a first export', ...WAIT, interval: 1000 });
  }
  /**
   * Resolves when each loop has made so many more rounds, so that every kind of work runs before and after a change of
   * the platform.
   */
  async continues(times = 2): Promise<void> {
    const before = new Map(this.#rounds);
    const done = (): boolean => [...this.#rounds].every(([what, rounds]) => rounds >= before.get(what)! + times);
    await eventually(done, { what: `each loop of the load has come round ${times} times more`, ...WAIT });
  }

  /** Lets every loop end its round, waits until accepted events are visible, and returns the figures. */
  async stop(): Promise<LoadReport> {
    this.#running = false;
    await Promise.all(this.#loops);
    await this.#exchange();
    await this.#settled();
    return {
      requests: this.#requests,
      failures: this.#failures,
      repeated: this.#repeated,
      slowestMs: Object.fromEntries(Object.entries(this.#slowest).map(([k, ms]) => [k, Math.round(ms)])),
      events: [...this.#written.values()].reduce((n, w) => n + w.versions, 0),
      exports: this.#exports,
      optOuts: this.#optOuts,
      late: this.#late,
      behind: this.#road.behind,
    };
  }
  /** The failures so far, equal ones together, for an assertion with a short message. */
  failed(): readonly string[] {
    const counted = new Map<string, { first: number; times: number }>();
    for (const { atMs, what, why } of this.#failures) {
      const sentence = `${what}: ${why}`;
      const known = counted.get(sentence);
      counted.set(sentence, { first: known?.first ?? atMs, times: (known?.times ?? 0) + 1 });
    }
    return [...counted].map(([sentence, { first, times }]) => `${sentence} (${times} times, first after ${first} ms)`);
  }

  async #loop(what: string, once: () => Promise<void>, pauseMs = this.#options.pauseMs ?? 60): Promise<void> {
    this.#rounds.set(what, 0);
    while (this.#running) {
      try {
        await once();
      } catch (error) {
        this.#fail(
          what,
          error instanceof Error
            ? `${error.message}${'code' in error ? ` (${String(error.code)})` : ''}`
            : String(error),
        );
      }
      this.#rounds.set(what, this.#rounds.get(what)! + 1);
      await sleep(this.#running ? pauseMs : 0);
    }
  }
  #fail(what: string, why: string): void {
    this.#failures.push({ atMs: Math.round(performance.now() - this.#began), what, why });
  }

  /**
   * One request, repeated if the platform asks for it. Throws unless `wanted` accepts the answer or its status. `call`
   * may build it anew each time.
   */
  async #ask(
    what: string,
    path: string,
    call: HttpCall | (() => HttpCall) = {},
    wanted: Wanted = STEADY,
  ): Promise<HttpAnswer> {
    const { platform } = this.#options;
    const give = performance.now() + WAIT.timeout;
    const once = async (): Promise<HttpAnswer> => {
      const began = performance.now();
      const answer = await http(
        path.startsWith('http') ? path : platform.base + path,
        { token: this.#token, ...(typeof call === 'function' ? call() : call) },
        1,
      );
      this.#slowest[what] = Math.max(this.#slowest[what] ?? 0, performance.now() - began);
      return answer;
    };
    this.#requests[what] = (this.#requests[what] ?? 0) + 1;
    let answer = await once();
    for (let after = retryAfter(answer); after !== undefined && performance.now() < give; after = retryAfter(answer)) {
      this.#repeated[what] = (this.#repeated[what] ?? 0) + 1;
      await sleep(after);
      answer = await once();
    }
    if (!(wanted instanceof RegExp ? wanted.test(String(answer.status)) : wanted(answer)))
      throw new Error(
        `${what}: ${path.replace(platform.base, '').split('?')[0]!} was answered ${answer.status}: ` +
          `${answer.body.toString('utf8').slice(0, 300)}`,
      );
    return answer;
  }

  async #exchange(): Promise<void> {
    const { app, platform } = this.#options;
    const answer = await this.#ask('token', '/auth/token', () => tokenRequest(app, platform.base));
    this.#token = json<{ access_token: string }>(answer).access_token;
  }

  async #post(event: DomainEvent, what: string): Promise<{ status: string; reason?: string }> {
    const call = {
      method: 'POST',
      token: this.#options.platform.payerToken,
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(toStructured(event)),
    };
    return json(await this.#ask(what, '/events', call));
  }
  /** A new version of one of a few resources. Each fifth event is published twice, as by a payer that is not sure. */
  async #write(): Promise<void> {
    const n = this.#requests['event'] ?? 0;
    const id = `roll-${n % WRITTEN}`;
    const text = randomUUID();
    const event = payerEvent('payer.resource-recorded.v1', this.#writer, {
      resource: {
        resourceType: 'Observation',
        id,
        status: 'final',
        code: { text },
        subject: { reference: `Patient/${this.#writer}` },
        effectiveDateTime: '2024-02-03',
      },
    });
    for (let times = n % 5 === 0 ? 2 : 1; times > 0; times--) {
      const row = await this.#post(event, 'event');
      if (row.status !== 'accepted')
        throw new Error(`an event was answered ${row.status} (${row.reason ?? 'without a reason'})`);
    }
    this.#written.set(id, { versions: (this.#written.get(id)?.versions ?? 0) + 1, text });
  }
  /** Accepted resources are there, each as often as it was published. */
  async #settled(): Promise<void> {
    interface Observation {
      readonly code: { readonly text: string };
      readonly meta: { readonly versionId: string };
    }
    for (const [id, { versions, text }] of this.#written) {
      let answer: HttpAnswer | undefined;
      let seen: Observation | undefined;
      await eventually(async () => {
        answer = await http(`${this.#options.platform.base}/fhir/Observation/${id}`, { token: this.#token });
        seen = answer.status === 200 ? json<Observation>(answer) : undefined;
        return Number(seen?.meta.versionId) >= versions;
      }, WAIT).catch(() => undefined);
      if (seen?.code.text === text && seen.meta.versionId === String(versions)) continue;
      const found = seen === undefined ? `it is answered ${answer?.status}` : `version ${seen.meta.versionId} is there`;
      this.#fail(
        'ledger',
        `Observation/${id}: ${versions} versions were accepted, and ` +
          `${found}${seen?.code.text === text ? '' : ', not the last content'}`,
      );
    }
  }

  async #read(): Promise<void> {
    const member = this.#steady[this.#rounds.get('read')! % this.#steady.length]!;
    await this.#ask('read', `/fhir/Patient/${member}`);
    if (this.#requests['read']! % 10 === 0) await this.#ask('group', `/fhir/Group/${this.#group}`);
  }
  /** Reads to the last page, with a pause in which another process may have replaced the one that made the link. */
  async #search(): Promise<void> {
    const member = this.#steady[this.#rounds.get('search')! % this.#steady.length]!;
    let next: string | undefined = `/fhir/Observation?patient=${member}&_count=2`;
    for (let pages = 0; next !== undefined && pages < 4; pages++) {
      const answer: HttpAnswer = await this.#ask('search', next);
      next = json<{ link?: { relation: string; url: string }[] }>(answer).link?.find((l) => l.relation === 'next')?.url;
      if (next !== undefined) await sleep(this.#running ? 500 : 0);
    }
  }

  /** A member leaves, is gone at once in every process, comes back, and is there at once. */
  async #leave(): Promise<void> {
    const member = this.#leavers[this.#optOuts % this.#leavers.length]!;
    const published = async (event: DomainEvent): Promise<void> => {
      this.#consents++;
      await effective(event).finally(() => this.#consents++);
    };
    const effective = async (event: DomainEvent): Promise<void> => {
      let row = await this.#post(event, 'consent');
      // Accepted, and not yet known to be effective everywhere. A payer that needs to know publishes it again.
      for (
        const until = performance.now() + WAIT.timeout;
        row.status === 'accepted' && performance.now() < until;
        row = await this.#post(event, 'consent')
      ) {
        this.#late++;
        await sleep(200);
      }
      if (row.status !== 'effective')
        throw new Error(`${event.type} was answered ${row.status} (${row.reason ?? 'without a reason'})`);
      this.#moves.set(member, (this.#moves.get(member) ?? 0) + 1);
    };
    await published(optOut(member));
    this.#out.add(member);
    for (let i = 0; i < 4; i++) await this.#ask('denied', `/fhir/Patient/${member}`, {}, /^404$/);
    this.#optOuts++;
    await sleep(this.#running ? 1500 : 0);
    await this.#ask('denied', `/fhir/Patient/${member}`, {}, /^404$/);
    this.#out.delete(member);
    await published(optIn(member));
    for (let i = 0; i < 4; i++) await this.#ask('back', `/fhir/Patient/${member}`);
  }

  async #exported(): Promise<void> {
    const away = new Map([...this.#out].map((member) => [member, this.#moves.get(member)]));
    const lines = await this.#exportOnce((text) => {
      for (const [member, moves] of away)
        if (this.#out.has(member) && this.#moves.get(member) === moves && text.includes(member))
          throw new Error('an export holds a member who had opted out before it was asked for');
    });
    const missing = this.#baseline.length - lines.length;
    if (missing !== 0 || lines.some((line, i) => line !== this.#baseline[i]))
      throw new Error(`an export is not what it was before: ${lines.length} lines instead of ${this.#baseline.length}`);
    this.#exports++;
  }
  /** The lines of members who stay all the time, sorted. */
  async #exportOnce(check: (text: string) => void = () => undefined): Promise<readonly string[]> {
    const text = await this.#road.text(this.#group);
    check(text);
    return text
      .split('\n')
      .filter((line) => this.#steady.some((member) => line.includes(`"${member}`) || line.includes(`/${member}`)))
      .toSorted();
  }
}
