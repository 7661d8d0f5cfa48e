// Answers and events are read as they come over the wire: their shape is what the tests assert.
/* eslint-disable @typescript-eslint/no-explicit-any */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import type { Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  encodeEvent,
  PA_AUDIT,
  PA_PROVIDERS,
  PA_RECORDS,
  PA_REGISTRY,
  type Disclosure,
  textOf,
} from '@provider-access/events';
import { openMemoryLog, type MemoryLog } from '@provider-access/engines/log/memory';
import { Parties, type PresenceOptions } from '@provider-access/facts';
import { recordsOf, request, signingKeysIn } from '@provider-access/process/testing';
import { createServiceApp, type ServicePorts } from '@provider-access/service/http';
import { type Logger, Metrics, silentLogger } from '@provider-access/service/observability';
import { directory } from '@provider-access/records';
import {
  fixedSecret,
  type JwksSource,
  type PortalKeys,
  type Secret,
  type SigningKeys,
  StaticTokens,
} from '@provider-access/smart';
import type { State } from '@provider-access/engines/state';
import { openEmbeddedState } from '@provider-access/engines/state/embedded';
import { ProjectionSet } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { AuthModule } from '../src/auth.module.ts';
import { type AuthConfig, authConfig, authSettings } from '../src/config.ts';
import type { RegistryReader } from '../src/apps/registry-streams.ts';

export const NOW = Date.parse('2027-01-04T12:00:00.000Z');
export const PUBLIC_URL = 'https://payer.example';
export const ADMINISTRATOR = 'a'.repeat(43);
/** The token of a second reviewer. */
export const ADMINISTRATOR_2 = 'b'.repeat(43);
export const NPI = '1234567893';
export const NPI_2 = '1245319599';
const CONFIRMED = [NPI, NPI_2, '123456789', '987654321'];
/** NPIs with their check digits (45 CFR 162.406). */
export const npis = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => {
    const nine = String(123_456_000 + i);
    const sum = [...`80840${nine}`]
      .toReversed()
      .reduce(
        (all, digit, at) =>
          all + [...String(Number(digit) * (at % 2 === 0 ? 2 : 1))].reduce((a, d) => a + Number(d), 0),
        0,
      );
    return `${nine}${(10 - (sum % 10)) % 10}`;
  });
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | undefined>;
  readonly body: Record<string, any>;
}
/** What a reviewer does with an app. */
type Verb = 'approve' | 'reject' | 'suspend' | 'revoke' | 'review';
export interface App {
  readonly id: string;
  readonly token: string;
  readonly uri: string;
}

let serial = 0;
let keyFile: string | undefined;
let privateKey: CryptoKey;
export let publicJwk: JWK;
/** Private keys of apps with another key than `publicJwk`, by client and by `x` of the public key. */
const ownKeys = new Map<string, KeyObject>();
/** Makes one key pair and one key file for all benches of a spec file, because generating them is slow. */
export async function prepare(): Promise<void> {
  const pair = await generateKeyPair('ES384', { extractable: true });
  privateKey = pair.privateKey;
  publicJwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1' };
  keyFile = join(mkdtempSync(join(tmpdir(), 'auth-')), 'token-signing.json');
}

export interface BenchOptions {
  readonly config?: Partial<AuthConfig>;
  readonly readers?: readonly RegistryReader[];
  readonly log?: MemoryLog;
  readonly stateFile?: string;
  readonly now?: number;
  readonly keys?: Secret<SigningKeys>;
  readonly presence?: PresenceOptions;
  readonly state?: State;
  readonly logger?: Logger;
  readonly jwks?: JwksSource;
  readonly portalKeys?: Secret<PortalKeys>;
  readonly views?: ServicePorts['views'];
}

/** The auth service over in-memory engines and a clock that the test sets. */
export class Bench {
  readonly clock = { ms: NOW, now: (): number => this.clock.ms };
  readonly log: MemoryLog;
  readonly stateFile: string;
  ports!: ServicePorts;
  #sharesState = false;
  /** Another app may have `publicJwk`. */
  #hasApps: boolean;
  #directory: ProjectionSet | undefined;
  app!: NestFastifyApplication;

  private constructor(options: BenchOptions) {
    this.log = options.log ?? openMemoryLog({ partitions: 2, now: () => this.clock.ms });
    this.clock.ms = options.now ?? NOW;
    this.stateFile = options.stateFile ?? ':memory:';
    this.#hasApps = (options.log ?? options.state ?? options.stateFile) !== undefined;
  }

  static async start(options: BenchOptions = {}): Promise<Bench> {
    const bench = new Bench(options);
    const { log, clock } = bench;
    const state = options.state ?? openEmbeddedState({ file: bench.stateFile, log, now: () => clock.ms });
    bench.#sharesState = options.state !== undefined;
    bench.ports = {
      log,
      state,
      clock,
      logger: options.logger ?? silentLogger,
      metrics: new Metrics(),
      views: options.views ?? openMemoryViews(),
    };
    const keys = options.keys ?? fixedSecret(await signingKeysIn(keyFile!));
    const staticTokens = new StaticTokens({ administrator: [ADMINISTRATOR, ADMINISTRATOR_2], payer: 'p'.repeat(43) });
    bench.app = await createServiceApp(
      AuthModule.register(
        {
          ports: bench.ports,
          keys,
          staticTokens,
          readers: options.readers,
          presence: options.presence,
          jwksSource: options.jwks,
          portalKeys: options.portalKeys,
        },
        {
          ...authConfig(authSettings.parse({ PUBLIC_URL })),
          registrationsPerMinute: 100,
          refusalsPerMinute: 100,
          ...options.config,
        },
      ),
      { name: 'auth', ports: bench.ports },
    );
    return bench;
  }
  get parties(): Parties {
    return this.app.get(Parties);
  }
  /** A part of the module. */
  service<T>(part: Type<T>): T {
    return this.app.get(part);
  }
  /** Ends the service; the log stays. */
  async stop(): Promise<void> {
    await this.app.close();
    await this.#directory?.stop();
    if (!this.#sharesState) await this.ports.state.close();
  }

  async call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    options: {
      json?: unknown;
      form?: string | Record<string, string>;
      body?: string;
      type?: string;
      token?: string;
      headers?: Record<string, string>;
      address?: string;
    } = {},
  ): Promise<Answer> {
    const { json, form, body, type, token } = options;
    const payload =
      json !== undefined
        ? JSON.stringify(json)
        : form !== undefined
          ? typeof form === 'string'
            ? form
            : new URLSearchParams(form).toString()
          : body;
    const contentType =
      type ??
      (json !== undefined ? 'application/json' : form !== undefined ? 'application/x-www-form-urlencoded' : undefined);
    const answer = await request(this.app, url, {
      method,
      token,
      body: payload,
      from: options.address,
      headers: { ...(contentType !== undefined && { 'content-type': contentType }), ...options.headers },
    });
    return {
      status: answer.status,
      headers: answer.headers as Record<string, string | undefined>,
      body: JSON.parse(answer.body || '{}') as Record<string, any>,
    };
  }

  /** The public key of the next app. The first app of a bench has `publicJwk`. */
  #ownKey(): JWK {
    if (this.#hasApps) return this.#newKey();
    this.#hasApps = true;
    return publicJwk;
  }
  #newKey(): JWK {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const jwk = { ...(pair.publicKey.export({ format: 'jwk' }) as JWK), kid: 'k1' };
    ownKeys.set(jwk.x!, pair.privateKey);
    return jwk;
  }

  metadata(over: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      client_name: 'An EHR',
      jwks: { keys: [this.#ownKey()] },
      scope: 'system/*.rs',
      contacts: ['mailto:dev@app.example'],
      npi: NPI,
      tin: '12-3456789',
      ...over,
    };
  }
  async register(over: Record<string, unknown> = {}): Promise<App> {
    const { status, body } = await this.call('POST', '/auth/register', { json: this.metadata(over) });
    if (status !== 201) throw new Error(`registration: ${status} ${JSON.stringify(body)}`);
    const key = ownKeys.get((body['jwks'] as { keys: JWK[] } | undefined)?.keys[0]?.x ?? '');
    if (key !== undefined) ownKeys.set(body['client_id'] as string, key);
    return {
      id: body['client_id'] as string,
      token: body['registration_access_token'] as string,
      uri: body['registration_client_uri'] as string,
    };
  }
  /** By default an approval binds all identifiers that the app claims, even if other clients have them too. */
  async review(app: App | string, verb: Verb, json?: unknown): Promise<Answer> {
    return this.decide(
      app,
      verb,
      json ?? (verb === 'approve' ? await this.approval(app, { reason: 'Contract 7' }) : { reason: 'key-compromised' }),
    );
  }
  async approval(app: App | string, over: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const { body } = await this.call('GET', `/auth/clients/${typeof app === 'string' ? app : app.id}`, {
      token: ADMINISTRATOR,
    });
    const identifiers = (body['identifiers'] ?? [{ npi: NPI }]) as {
      npi?: string;
      tin?: string;
      bound_to?: { client_id: string }[];
    }[];
    return {
      identifiers: identifiers.map(({ npi, tin }) => ({
        ...(npi !== undefined && { npi }),
        ...(tin !== undefined && { tin }),
        evidence: 'Contract 7',
      })),
      sharedWith: [...new Set(identifiers.flatMap((i) => (i.bound_to ?? []).map((c) => c.client_id)))],
      ...over,
    };
  }
  /** An approval confirms unknown identifiers, unless the body says which ones. */
  decide(app: App | string, verb: Verb, json: unknown, token = ADMINISTRATOR): Promise<Answer> {
    const isPlain = verb === 'approve' && typeof json === 'object' && json !== null && !Array.isArray(json);
    const body = isPlain ? { confirm: CONFIRMED, ...json } : json;
    return this.call('POST', `/auth/clients/${typeof app === 'string' ? app : app.id}/${verb}`, { json: body, token });
  }
  async network(
    provider: string,
    status: 'in-network' | 'out-of-network',
    from = '2020-01-01T00:00:00.000Z',
  ): Promise<void> {
    const time = new Date(this.clock.ms).toISOString();
    await this.log.append(PA_PROVIDERS, [
      encodeEvent({
        id: `n-${++serial}`,
        source: 'test',
        type: 'pa.network-status-recorded.v1',
        time,
        subject: provider,
        data: { provider, status, from, businessTime: time },
      }),
    ]);
    await this.parties.waitFor(await this.log.head([PA_PROVIDERS]), 60_000);
  }
  /** Publishes a resource as the resources service records it, and waits until the view has it. */
  async inDirectory(
    resource: { readonly resourceType: string; readonly id: string; readonly [name: string]: unknown },
    versionId = 1,
  ): Promise<void> {
    const { resourceType: type, id } = resource;
    const time = new Date(this.clock.ms + versionId).toISOString();
    const data = {
      member: 'shared',
      type,
      id,
      versionId,
      lastUpdated: time,
      businessTime: time,
      sequence: 0,
      contentHash: 'x',
      references: [],
      tokens: [],
      line: JSON.stringify(resource),
    };
    await this.log.append(PA_RECORDS, [
      {
        ...encodeEvent({
          id: `r-${++serial}`,
          source: 'test',
          type: 'pa.record-accepted.v1',
          time,
          subject: 'shared',
          data,
        }),
        key: `shared/${type}/${id}`,
        partitionKey: 'shared',
      },
    ]);
    if (this.#directory === undefined) {
      this.#directory = new ProjectionSet({ log: this.log, views: this.ports.views, projections: [directory] });
      await this.#directory.start();
    }
    await this.ports.views.reader(directory).waitFor(await this.log.head([PA_RECORDS]), 60_000);
  }
  /** Registered, approved and in network. */
  async approved(over: Record<string, unknown> = {}): Promise<App> {
    await this.network(`npi|${NPI}`, 'in-network');
    const app = await this.register(over);
    await this.review(app, 'approve');
    return app;
  }
  assertion(
    client: string,
    over: Record<string, unknown> = {},
    key: CryptoKey | KeyObject = ownKeys.get(client) ?? privateKey,
    header: Record<string, unknown> = {},
  ): Promise<string> {
    const payload = {
      iss: client,
      sub: client,
      aud: `${PUBLIC_URL}/auth/token`,
      exp: Math.floor(this.clock.ms / 1000) + 240,
      jti: `j-${++serial}`,
      ...over,
    };
    return new SignJWT(payload).setProtectedHeader({ alg: 'ES384', kid: 'k1', typ: 'JWT', ...header }).sign(key);
  }
  async form(app: App, over: Record<string, string | undefined> = {}): Promise<Record<string, string>> {
    const all = {
      grant_type: 'client_credentials',
      scope: 'system/*.rs',
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: over['client_assertion'] ?? (await this.assertion(app.id)),
      ...over,
    };
    return Object.fromEntries(Object.entries(all).filter((e): e is [string, string] => e[1] !== undefined));
  }
  async token(app: App, over: Record<string, string | undefined> = {}): Promise<Answer> {
    return this.call('POST', '/auth/token', { form: await this.form(app, over) });
  }
  async records(topic: string): Promise<{ type: string; data: any }[]> {
    const all = await recordsOf(this.log, topic);
    return all.map((r) => ({ type: r.headers['ce_type']!, data: JSON.parse(textOf(r)) }));
  }
  async audited(): Promise<Disclosure[]> {
    return (await this.records(PA_AUDIT)).map((r) => r.data as Disclosure);
  }
  registry(): Promise<{ type: string; data: any }[]> {
    return this.records(PA_REGISTRY);
  }
  /** What pa.registry has about apps. */
  async appEvents(): Promise<{ type: string; data: any }[]> {
    return (await this.registry()).filter((event) => event.type.startsWith('pa.app-'));
  }
}
