import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { PA_REGISTRY } from '@provider-access/events';
import {
  type Batch,
  Derivation,
  type DerivationOutput,
  type EventLog,
  type OutcomeRow,
  type Subscription,
} from '@provider-access/engines/log';
import type { Clock } from '@provider-access/kernel';
import { TokenIssuer } from '@provider-access/smart';
import { signingKeysIn } from './fixed-secrets.ts';
import { appendFacts } from './facts.ts';

/** A new signing key that auth would have published, and an issuer of tokens with it. */
export async function issuerOf(log: EventLog, publicUrl: string, clock: Clock): Promise<TokenIssuer> {
  const folder = mkdtempSync(join(tmpdir(), 'signing-keys-'));
  const first = (await signingKeysIn(join(folder, 'keys.json')))[0]!;
  rmSync(folder, { recursive: true });
  const { kid, publicJwk: jwk } = first;
  const at = new Date(clock.now()).toISOString();
  await appendFacts(log, [
    { topic: PA_REGISTRY, type: 'pa.signing-key-published.v1', subject: kid, data: { kid, jwk }, at },
  ]);
  return new TokenIssuer({ key: () => first, publicUrl, clock });
}

/** The intake of another service. Without `derive` it publishes only its progress. */
export const standIn = (
  log: EventLog,
  deriver: 'attribution' | 'consent',
  topic: string,
  progressTopic: string,
  derive: (batch: Batch) => { outputs: DerivationOutput[]; outcomes: OutcomeRow[] } = () => ({
    outputs: [],
    outcomes: [],
  }),
): Promise<Subscription> =>
  log.subscribe({
    group: `stand-in-${deriver}-${topic}`,
    topics: [topic],
    handle: (batch) => new Derivation({ log, deriver, progressTopic }).complete(batch, derive(batch)),
  });

/** A port that adds a line for each call to a list. */
export const counted = <Port extends object>(port: Port, name: string, calls: string[]): Port =>
  new Proxy(port, {
    get: (target, method) => {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        calls.push(`${name}.${String(method)} ${String(args[0])}`);
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'OPTIONS' | 'PATCH';
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** The address of the caller. */
  readonly from?: string | undefined;
}
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** The body as it was sent. */
  readonly bytes: Buffer;
}
/** Sends a request to a service that has no listener. */
export async function request(
  app: NestFastifyApplication,
  url: string,
  { method = 'GET', token, headers, body, from }: Call = {},
): Promise<Answer> {
  const answer = await app
    .getHttpAdapter()
    .getInstance()
    .inject({
      method,
      url,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(body !== undefined && { payload: body }),
      ...(from !== undefined && { remoteAddress: from }),
    });
  return { status: answer.statusCode, headers: answer.headers, body: answer.payload, bytes: answer.rawPayload };
}
