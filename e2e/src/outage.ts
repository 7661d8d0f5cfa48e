import { expect } from 'vitest';
import { eventually } from '@provider-access/testing';
import type { Deployment } from './deployment.ts';
import { openLetters, sleep, WAIT } from './interrupted.ts';
import { http, optIn, optOut, payerEvent, tell, type HttpAnswer, type Served, type TestApp } from './road.ts';

/** The default of FACTS_BOUND_MS: with older facts a service answers 503. */
const BOUND_MS = 5000;

interface Observed {
  readonly platform: () => Deployment;
  readonly app: () => TestApp;
  /** A member whom the app may see. */
  readonly member: string;
}

/** What a provider, a payer and an operator see of a platform while an engine is away, and when it is back. */
export class Outage {
  readonly #of: Observed;
  #token = '';

  constructor(of: Observed) {
    this.#of = of;
  }

  get #base(): string {
    return this.#of.platform().base;
  }

  async signIn(): Promise<void> {
    this.#token = await eventually(() => this.#of.app().tokens.get(), WAIT);
  }
  read(): Promise<HttpAnswer> {
    return http(`${this.#base}/fhir/Patient/${this.#of.member}`, { token: this.#token });
  }
  /**
   * The first answer that is not "503, repeat the request". A machine that is too slow for the bound rightly gets such
   * answers.
   */
  decided(): Promise<HttpAnswer> {
    return eventually(
      async () => {
        const answer = await this.read();
        if (answer.status !== 503) return answer;
        expect(answer.headers['retry-after']).toMatch(/^\d+$/);
        return false;
      },
      { what: 'a read is decided', ...WAIT },
    );
  }
  async readiness(): Promise<{ status: number; text: string }> {
    const answer = await http(`${this.#base}/health/ready`);
    return { status: answer.status, text: answer.body.toString('utf8') };
  }
  async ready(): Promise<void> {
    await eventually(async () => expect((await this.readiness()).status).toBe(200), WAIT);
  }
  /** Seconds, of the process with the youngest facts. */
  async #factsAge(): Promise<number> {
    const text = (await http(`${this.#base}/metrics`)).body.toString('utf8');
    const ages = [...text.matchAll(/^pa_facts_age_seconds\{[^}]*\} (\S+)/gm)].map(([, age]) => Number(age));
    return ages.length === 0 ? 0 : Math.min(...ages);
  }
  /**
   * Right after an engine comes back, an answer may be only `accepted`. The event takes effect when it is published
   * again.
   */
  effective(what: string, event: () => ReturnType<typeof optOut>): Promise<void> {
    return eventually(async () => expect((await tell(this.#of.platform(), event())).status).toBe('effective'), {
      what,
      ...WAIT,
    });
  }

  /** Not ready, reads are 503 with Retry-After, still alive, and no process ended. */
  async closed(why: RegExp): Promise<void> {
    // Readiness first: a read that was permitted before the facts got too old waits up to 30 s for its audit record,
    // until Kafka answers.
    await eventually(async () => {
      const { status, text } = await this.readiness();
      expect(status).toBe(503);
      expect(text).toMatch(why);
    }, WAIT);
    await eventually(async () => expect(await this.#factsAge()).toBeGreaterThan(BOUND_MS / 1000), WAIT);
    for (let reads = 0; reads < 3; reads++) {
      const { status, headers } = await this.read();
      expect(status).toBe(503);
      expect(headers['retry-after']).toMatch(/^\d+$/);
    }
    expect((await http(`${this.#base}/health/live`)).status).toBe(200);
    for (const { child } of this.#of.platform().processes())
      expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  }

  /** Everything continues by itself: reads, an event that is published now, an opt-out. */
  async recovered(letters: ReadonlySet<string>, mark: string): Promise<void> {
    const { member } = this.#of;
    const platform = this.#of.platform();
    await this.ready();
    await this.signIn();
    expect((await this.decided()).status).toBe(200);
    const resource = {
      resourceType: 'Observation',
      id: mark,
      status: 'final',
      code: { text: 'Test' },
      subject: { reference: `Patient/${member}` },
      effectiveDateTime: '2024-02-03',
    };
    const event = payerEvent('payer.resource-recorded.v1', member, { resource });
    await eventually(async () => expect((await tell(platform, event)).status).toBe('accepted'), WAIT);
    const token = this.#token;
    await eventually(
      async () => expect((await http(`${platform.base}/fhir/Observation/${mark}`, { token })).status).toBe(200),
      WAIT,
    );
    await this.effective('the opt-out is effective', () => optOut(member));
    // Never 200, however slow the machine is.
    expect((await this.decided()).status).toBe(404);
    await this.effective('the opt-in is effective', () => optIn(member));
    expect((await this.decided()).status).toBe(200);
    expect(await openLetters(platform)).toEqual(letters);
  }

  /**
   * An outage from its begin to its end: 503 after the bound, no opt-out that is told to be effective, no queue without
   * bound, and everything back by itself.
   */
  async passes({ what, away, back, why }: EngineAway): Promise<void> {
    const { member } = this.#of;
    const platform = this.#of.platform();
    const began = performance.now();
    const after = (): number => Math.round(performance.now() - began);
    const letters = await openLetters(platform);
    const memory = platform.memory();
    await away();
    // A payer publishes an opt-out meanwhile. Its request may last until the engine is back.
    let row: string | undefined;
    const leaving = tell(platform, optOut(member)).then(
      ({ status }) => (row = status),
      () => undefined,
    );
    await this.closed(why);
    const closedMs = after();
    // It is not acknowledged as effective while that is unknown. The payer repeats what was not acknowledged.
    expect(row).not.toBe('effective');
    expect(platform.memory()).toBeLessThan(memory + 250e6);
    await back();
    const backMs = after();
    await leaving;
    const answeredMs = after();
    await this.ready();
    const readyMs = after();
    await this.effective('the member is back', () => optIn(member));
    await this.recovered(letters, `after-${what.toLowerCase().replaceAll(' ', '-')}`);
    console.info(
      `${what}: closed after ${closedMs} ms, back after ${backMs}, the open request answered after ${answeredMs},`,
      `ready after ${readyMs}, all done after ${after()}`,
    );
  }
}

export interface EngineAway {
  readonly what: string;
  readonly away: () => Promise<void>;
  readonly back: () => Promise<void>;
  /** The check that readiness names. */
  readonly why: RegExp;
}
/** What readiness says of an engine that is away. */
export const WITHOUT_KAFKA = /kafka|log|facts/i;
export const WITHOUT_MONGODB = /mongo|view|facts|store/i;

/** Faults of an export that are no resources which `Outage` published. */
export const withoutMarks = (faults: readonly string[]): string[] =>
  faults.filter((fault) => !/^Observation\/after-[a-z-]+ should not be there$/.test(fault));

/** The status of a read. A request that broke off counts as "503, repeat the request". */
export const statusOf = ({ base }: Pick<Served, 'base'>, id: string, token: string): Promise<number> =>
  http(`${base}/fhir/Patient/${id}`, { token }).then(
    ({ status }) => status,
    () => 503,
  );

/**
 * Watches until it is stopped: no answer may show a member who left. Until the platform is ready, only a 503 may deny
 * anybody.
 */
export function watchReads(
  read: (id: string) => Promise<number>,
  { denied, seen, unexpected }: { denied: readonly string[]; seen: string; unexpected: readonly string[] },
): () => Promise<void> {
  let running = true;
  const answers = new Set<string>();
  const watching = (async () => {
    while (running) {
      for (const id of denied) answers.add(`${await read(id)} for who opted out`);
      answers.add(`${await read(seen)} for who did not`);
      await sleep(50); // leaves the two cores to the restore
    }
  })();
  return async () => {
    running = false;
    await watching;
    // 502 comes from the gateway, while a process begins to listen.
    expect(
      [...answers].filter(
        (answer) => !/^(401|404|502|503) for who opted out$|^(200|401|502|503) for who did not$/.test(answer),
      ),
      unexpected.join('\n'),
    ).toEqual([]);
  };
}
