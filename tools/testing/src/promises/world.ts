import type { webcrypto } from 'node:crypto';
import { type DomainEvent, toStructured } from '@provider-access/events';
import { newAppKey } from '../client-app.ts';
import { eventually } from '../eventually.ts';
import type { LinesTable } from './lines.ts';
import { type Disturbance, PRACTICES, type Practice, PROVIDERS } from './operations.ts';

/** An answer that contradicts the promises. */
export class Broken extends Error {
  override readonly name: string = 'Broken';
}
/** An answer lacks data that it must contain. A query is repeated if processes need time to catch up. */
export class Missing extends Broken {
  override readonly name = 'Missing';
}

export interface Call {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}
type Json = ReturnType<typeof JSON.parse>;
export const json = (answer: Answer): Json => JSON.parse(answer.body);

/** The app of a practice. */
export interface Client {
  readonly id: string;
  /** Its private key. */
  readonly key: webcrypto.JsonWebKey;
  /** Number of approvals. A new one is needed after a suspension, which ends earlier tokens. */
  approvals: number;
}
/** The members that a process permits for a client. */
export interface Gate {
  readonly where: string;
  readonly permits: readonly string[];
}

const PATIENCE_MS = 60_000;

/**
 * The platform with two practices in the network, and a client of each. This class has the requests of payers, clients
 * and operators over HTTP. A subclass decides where the platform runs, and what can happen to it there.
 */
export abstract class World {
  readonly clients: Client[] = [];
  /** The clock that decides what has passed: ms since the epoch. */
  abstract readonly now: number;
  /** Whether an answer must be complete at once, or only soon after everything is settled. */
  abstract readonly completeAtOnce: boolean;
  /** Whether nobody sees a member who has not got a notice. */
  readonly holdsUntilNotice: boolean = false;
  /** The table of lines of business that was set last. */
  table: LinesTable | undefined;
  /** The size of an attachment that the platform moves to the file store. */
  abstract readonly attachmentBytes: number;
  protected abstract readonly payerToken: string;
  protected abstract readonly administratorToken: string;

  /** How many ms each deciding clock is ahead of `now`; negative if it is behind. */
  abstract skews(): readonly number[];
  /** Sends a request to this instance, or to the other one if it is dead. Undefined if it died before the answer. */
  abstract request(url: string, call?: Call, via?: number): Promise<Answer | undefined>;
  /** Pause between two attempts. */
  protected abstract again(): Promise<unknown>;
  /** Publishes over Kafka, like the payer's own systems. */
  abstract append(event: DomainEvent): Promise<void>;
  abstract token(client: number): Promise<string>;
  /** The current decision of every answering process about these members. */
  abstract gates(client: number, members: readonly string[]): Promise<readonly Gate[]>;
  /** The id of a practice's Group under a contract, once an attribution has created the Group. */
  abstract group(client: number, contract: string): Promise<string | undefined>;
  /** Resolves when every process has read everything. */
  abstract caughtUp(): Promise<void>;
  abstract disturb(what: Disturbance): Promise<void>;
  /** Called after each step. Ends doomed processes, and replaces dead ones. */
  abstract afterwards(): Promise<void>;
  /** Settles everything: all clocks are right and every process runs. `lead`: ms by which a clock was ahead. */
  abstract calm(lead: number): Promise<void>;
  /** Lets the work of an export continue. */
  abstract work(): Promise<void>;
  /** Called after a sequence. */
  abstract rest(): Promise<void>;

  /** Repeats a request while the answer asks for it, and if an instance died before it answered. */
  async ask(url: string, call: Call = {}, via = 0): Promise<Answer> {
    let first = true;
    const last = await eventually<Answer | boolean>(
      async () => {
        if (!first) await this.again();
        first = false;
        const answer = await this.request(url, call, via);
        return this.standing() !== undefined || (answer !== undefined && answer.status !== 503 && answer);
      },
      { what: `${call.method ?? 'GET'} ${url} is answered`, timeout: this.patienceMs },
    );
    this.goesOn();
    return last as Answer;
  }
  /** The batch that no process can handle, if the world knows it. */
  protected standing(): string | undefined {
    return undefined;
  }
  /** Checks that no event has stopped its partition. */
  protected goesOn(): void {
    const standing = this.standing();
    if (standing !== undefined) throw new Broken(`no process can handle the batch of ${standing}`);
  }
  protected get patienceMs(): number {
    return PATIENCE_MS;
  }
  operate(url: string): Promise<Answer> {
    return this.ask(url, { token: this.administratorToken });
  }
  administer(url: string, body: unknown, via = 0): Promise<Answer> {
    return this.ask(
      url,
      {
        method: 'POST',
        token: this.administratorToken,
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
      via,
    );
  }
  publish(event: DomainEvent, via: number): Promise<Answer> {
    return this.#post('application/cloudevents+json', toStructured(event), via);
  }
  publishAll(events: readonly DomainEvent[]): Promise<Answer> {
    const batch = events.map((event) => toStructured(event));
    return this.#post('application/cloudevents-batch+json', batch, 0);
  }
  #post(type: string, body: unknown, via: number): Promise<Answer> {
    const headers = { 'content-type': type };
    return this.ask('/events', { method: 'POST', token: this.payerToken, headers, body: JSON.stringify(body) }, via);
  }
  /** Sends lines in one request, until all are accepted. @returns the answer to each line */
  async publishLines(lines: readonly string[], via: number): Promise<readonly Json[]> {
    const headers = { 'content-type': 'application/x-ndjson' };
    const call: Call = { method: 'POST', token: this.payerToken, headers, body: lines.join('\n') };
    const answer = await eventually(
      async () => {
        const some = await this.ask('/events', call, via);
        return (some.status !== 200 || some.body.includes('"complete":true')) && some;
      },
      { what: 'all lines are accepted', timeout: this.patienceMs },
    );
    if (answer.status !== 200) throw new Broken(`lines were answered ${answer.status} ${answer.body}`);
    const rows = answer.body.trim().split('\n');
    return rows.slice(0, -1).map((row) => JSON.parse(row) as Json);
  }
  protected async rebuild({ view, back, via }: Extract<Disturbance, { op: 'rebuild' }>): Promise<void> {
    const how = back ? 'rollback' : 'rebuild';
    const { status, body } = await this.administer(`/ops/views/attribution/${view}/${how}`, undefined, via);
    // 409: there is no earlier build, or a process died during a build.
    if (status !== 200 && status !== 409) throw new Broken(`a ${how} was answered ${status} ${body}`);
  }
  /** Sets the table of lines. It decides in every process when this resolves. */
  async setTable(table: LinesTable, via: number): Promise<void> {
    const lines = Object.entries(table).map(([plan, start]) => ({
      line: `line-of-${plan}`,
      plans: [plan],
      ...(start !== Infinity && { start: new Date(start).toISOString() }),
    }));
    const { status, body } = await this.administer('/ops/lines', { reason: 'a test', lines }, via);
    if (status !== 200) throw new Broken(`a table of lines was answered ${status} ${body}`);
    this.table = table;
  }
  async read(url: string, client: number, via: number, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(url, { token: await this.token(client), headers }, via);
  }
  /** Like `read`, but without a repeat. Undefined if the facts were too old or the instance died. */
  async readOnce(url: string, client: number, via: number, call: Call = {}): Promise<Answer | undefined> {
    const answer = await this.request(url, { ...call, token: await this.token(client) }, via);
    return answer?.status === 503 ? undefined : answer;
  }
  /** Checks what must hold when everything is settled. */
  async settled(look: () => Promise<void>): Promise<void> {
    if (this.completeAtOnce) return look();
    let broken: unknown;
    await eventually(
      async () => {
        try {
          broken = undefined;
          await look();
        } catch (error) {
          broken = error;
          // Repeat only if data is missing. Data that no client may see is a fault at any time.
          return !(error instanceof Missing);
        }
        return true;
      },
      { what: 'answers are complete', timeout: this.patienceMs },
    ).catch((error: unknown) => {
      throw broken ?? error;
    });
    if (broken !== undefined) throw broken;
  }

  async approve(client: number, via: number): Promise<Answer> {
    const { npi, tin } = PROVIDERS[PRACTICES[client]!];
    const body = {
      reason: 'a test',
      identifiers: [
        { npi, evidence: 'a test' },
        { tin, evidence: 'a test' },
      ],
      // The practice may be out of network, and nobody may have said so.
      confirm: [npi, tin],
    };
    const answer = await this.administer(`/auth/clients/${this.clients[client]!.id}/approve`, body, via);
    if (answer.status !== 200) throw new Broken(`an approval was answered ${answer.status} ${answer.body}`);
    return answer;
  }
  async suspend(client: number, via: number): Promise<void> {
    const path = `/auth/clients/${this.clients[client]!.id}/suspend`;
    const answer = await this.administer(path, { reason: 'attack-observed' }, via);
    if (answer.status !== 200) throw new Broken(`a suspension was answered ${answer.status} ${answer.body}`);
  }
  /** Ends each binding of the client, which stays approved (APPS.md P2). @returns the number of its new approvals */
  async unbind(client: number, via: number): Promise<number> {
    const { npi, tin } = PROVIDERS[PRACTICES[client]!];
    const bindings = [`npi|${npi}`, `tin|${tin}`];
    for (const binding of bindings) {
      const path = `/auth/clients/${this.clients[client]!.id}/bindings/${encodeURIComponent(binding)}/end`;
      const answer = await this.administer(path, { reason: 'contract-ended' }, via);
      if (answer.status !== 200) throw new Broken(`the end of a binding was answered ${answer.status} ${answer.body}`);
    }
    return bindings.length;
  }
  protected async openPractices(): Promise<void> {
    for (const practice of PRACTICES) await this.#openPractice(practice);
    await this.caughtUp();
  }
  async #openPractice(practice: Practice): Promise<void> {
    const { npi, tin } = PROVIDERS[practice];
    const { key, publicJwk } = newAppKey();
    const metadata = {
      client_name: `Practice ${practice}`,
      jwks: { keys: [publicJwk] },
      scope: 'system/*.rs',
      contacts: ['mailto:dev@app.example'],
      npi,
      tin,
    };
    const answer = await this.ask('/auth/register', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(metadata),
    });
    this.clients.push({ id: json(answer).client_id, key, approvals: 1 });
    await this.approve(this.clients.length - 1, 0);
    await this.publish(
      {
        id: `joins-${practice}`,
        source: 'urn:directory',
        type: 'payer.network-status-changed.v1',
        time: new Date(this.now).toISOString(),
        subject: npi,
        data: { npi, tin, status: 'in-network', from: '2020-01-01' },
      },
      0,
    );
  }
}
