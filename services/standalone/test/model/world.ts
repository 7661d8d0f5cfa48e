import { generateKeyPairSync } from 'node:crypto';
import { encodeEvent, PAYER_MEMBER_EVENTS, toStructured, type DomainEvent } from '@provider-access/events';
import { type Secret, type SigningKeys, TokenIssuer } from '@provider-access/smart';
import { eventually } from '@provider-access/testing';
import {
  ADMINISTRATOR_TOKEN,
  type Answer,
  type Call,
  PAYER_TOKEN,
  PUBLIC_URL,
} from '../kill-points/platform-process.ts';
import { Cluster } from './cluster.ts';
import { PRACTICES, type Practice } from './operations.ts';

/** An answer that no promise allows. */
export class Broken extends Error {
  override readonly name = 'Broken';
}
type Json = ReturnType<typeof JSON.parse>;
export const json = (answer: Answer): Json => JSON.parse(answer.body);

/** Check digits as CMS computes them: Luhn, with 80840 in front. */
export const PROVIDERS: Readonly<Record<Practice, { readonly npi: string; readonly tin: string }>> = {
  A: { npi: '1234567893', tin: '111111111' },
  B: { npi: '1679576722', tin: '222222222' },
};
const STARTS = Date.parse('2026-01-31T00:00:00Z');
/** A token is asked for again after it, ms; it lives for five minutes, and clocks differ by one. */
const TOKEN_MS = 120_000;
const PATIENCE_MS = 60_000;

/** The platform with two practices that are in the network, and a client of each. */
export class World {
  readonly cluster: Cluster;
  readonly clients: { readonly id: string; approvals: number }[] = [];
  readonly #tokens: TokenIssuer;
  readonly #held = new Map<string, { readonly until: number; readonly token: Promise<string> }>();

  private constructor(cluster: Cluster, keys: Secret<SigningKeys>) {
    this.cluster = cluster;
    this.#tokens = new TokenIssuer({
      key: () => keys.current.first,
      publicUrl: PUBLIC_URL,
      clock: { now: () => cluster.now },
    });
  }
  static async start(keys: Secret<SigningKeys>): Promise<World> {
    const world = new World(await Cluster.start(STARTS, keys), keys);
    for (const practice of PRACTICES) await world.#openPractice(practice);
    await world.caughtUp();
    return world;
  }
  stop(): Promise<void> {
    return this.cluster.stop();
  }

  /** Asks again while the answer is "repeat the request", and where an instance died before it answered. */
  ask(url: string, call: Call = {}, via = 0): Promise<Answer> {
    let first = true;
    return eventually(
      async () => {
        if (!first) await this.cluster.look();
        first = false;
        const answer = await this.cluster.request(url, call, via);
        return answer !== undefined && answer.status !== 503 && answer;
      },
      { what: `${call.method ?? 'GET'} ${url} is answered`, timeout: PATIENCE_MS },
    );
  }
  administer(url: string, body: unknown, via = 0): Promise<Answer> {
    return this.ask(
      url,
      {
        method: 'POST',
        token: ADMINISTRATOR_TOKEN,
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
      via,
    );
  }
  publish(event: DomainEvent, via: number): Promise<Answer> {
    return this.ask(
      '/events',
      {
        method: 'POST',
        token: PAYER_TOKEN,
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify(toStructured(event)),
      },
      via,
    );
  }
  publishAll(events: readonly DomainEvent[]): Promise<Answer> {
    return this.ask('/events', {
      method: 'POST',
      token: PAYER_TOKEN,
      headers: { 'content-type': 'application/cloudevents-batch+json' },
      body: JSON.stringify(events.map((event) => toStructured(event))),
    });
  }
  /** As the payer's own systems do it, over Kafka. */
  async append(event: DomainEvent): Promise<void> {
    await this.cluster.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(event)]);
  }

  token(client: number): Promise<string> {
    const { id, approvals } = this.clients[client]!;
    const key = `${id} ${approvals}`;
    const held = this.#held.get(key);
    const { now } = this.cluster;
    if (held !== undefined && now < held.until) return held.token;
    const token = this.#tokens.issue(id, 'system/*.rs', now, approvals).then((issued) => issued.token);
    this.#held.set(key, { until: now + TOKEN_MS, token });
    return token;
  }
  async read(url: string, client: number, via: number, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(url, { token: await this.token(client), headers }, via);
  }
  /** undefined without the patience of `read`: the facts were too old, or the instance died. */
  async readOnce(url: string, client: number, via: number): Promise<Answer | undefined> {
    const answer = await this.cluster.request(url, { token: await this.token(client) }, via);
    return answer?.status === 503 ? undefined : answer;
  }

  /** Resolves when every instance has read everything. */
  async caughtUp(): Promise<void> {
    await eventually(() => this.cluster.behind().length === 0, {
      what: 'every instance has read everything',
      timeout: PATIENCE_MS,
      interval: 5,
    }).catch((error: unknown) => {
      throw new Error(this.cluster.behind().join(', '), { cause: error });
    });
  }
  async approve(client: number, via: number): Promise<Answer> {
    const { npi, tin } = PROVIDERS[PRACTICES[client]!];
    const body = {
      identifiers: [
        { npi, evidence: 'a test' },
        { tin, evidence: 'a test' },
      ],
    };
    const answer = await this.administer(`/auth/clients/${this.clients[client]!.id}/approve`, body, via);
    if (answer.status !== 200) throw new Broken(`an approval was answered ${answer.status} ${answer.body}`);
    return answer;
  }
  /** The Group of a practice under a contract, by its id, once an attribution opened it. */
  group(npi: string, contract: string): string | undefined {
    for (const { headers, value } of this.cluster.data.topics.get('pa.groups')?.flat() ?? []) {
      if (headers['ce_type'] !== 'pa.group-opened.v1') continue;
      const data = JSON.parse(Buffer.from(value).toString());
      if (data.contract === contract && data.providers.some((p: string) => p.endsWith(npi)))
        return data.group as string;
    }
    return undefined;
  }

  async #openPractice(practice: Practice): Promise<void> {
    const { npi, tin } = PROVIDERS[practice];
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384', use: 'sig' };
    const metadata = {
      client_name: `Practice ${practice}`,
      jwks: { keys: [jwk] },
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
    this.clients.push({ id: json(answer).client_id, approvals: 1 });
    await this.approve(this.clients.length - 1, 0);
    await this.publish(
      {
        id: `joins-${practice}`,
        source: 'urn:directory',
        type: 'payer.network-status-changed.v1',
        time: new Date(this.cluster.now).toISOString(),
        subject: npi,
        data: { npi, tin, status: 'in-network', from: '2020-01-01' },
      },
      0,
    );
  }
}
