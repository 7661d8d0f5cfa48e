import { createPrivateKey, generateKeyPairSync, randomUUID, sign, type webcrypto } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@provider-access/testing';
import { expect } from 'vitest';
import { decision } from '../src/common/consent.ts';
import type { PortalBench } from './bench.ts';

export { SANDBOX } from './shared.ts';

export type Key = webcrypto.JsonWebKey & { readonly kid: string; readonly alg: string };
export const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A JWT of RFC 7515, without code of the platform. */
export function signed(jwk: Key, claims: object): string {
  const text = `${part({ alg: jwk.alg, kid: jwk.kid, typ: 'JWT' })}.${part(claims)}`;
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  const how = jwk.alg.startsWith('ES') ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
  return `${text}.${sign('sha384', Buffer.from(text), how).toString('base64url')}`;
}
export const fileOf = ({ platform }: PortalBench, name: string): unknown =>
  JSON.parse(readFileSync(join(platform.dataDir, name), 'utf8'));

/** The first app of the synthetic payer, and members whom it can see. */
export interface Clinic {
  readonly client: string;
  readonly members: readonly string[];
  /** @returns the status of the answer */
  readonly read: (member: string) => Promise<number>;
  readonly patient: (member: string) => Promise<Named>;
}
interface Named {
  readonly birthDate: string;
  readonly name: readonly { readonly family: string; readonly given: readonly string[] }[];
}
/** Waits until the synthetic payer has published everything. @returns the `client_id` of its first app */
export async function sandboxReady({ platform }: PortalBench): Promise<string> {
  const headers = { authorization: `Bearer ${platform.administratorToken}` };
  const sandbox = async () =>
    (await (await fetch(`${platform.base}/ops/sandbox`, { headers })).json()) as {
      status: string;
      clients: { client_id: string }[];
    };
  await eventually(async () => expect((await sandbox()).status).toBe('ready'), { timeout: 300_000, interval: 500 });
  return (await sandbox()).clients[0]!.client_id;
}
/** Members whom `clinicOf` has given, beside the data of the platform, since files may share it. */
function untaken({ platform }: PortalBench, members: readonly string[], count: number): readonly string[] {
  const file = join(platform.dataDir, '../taken-members.json');
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[]) : [];
  const taken = members.filter((member) => !before.includes(member)).slice(0, count);
  expect(taken.length).toBe(count);
  writeFileSync(file, JSON.stringify([...before, ...taken]));
  return taken;
}
/** @param count as many members as this, whom nobody else got on this platform */
export async function clinicOf(bench: PortalBench, count: number): Promise<Clinic> {
  const { base } = bench.platform;
  const client = await sandboxReady(bench);
  const now = Math.floor(Date.now() / 1000);
  const answer = await fetch(`${base}/auth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      scope: 'system/*.rs',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: signed(fileOf(bench, 'sandbox/clinic-a.key.json') as Key, {
        iss: client,
        sub: client,
        aud: `${base}/auth/token`,
        exp: now + 200,
        jti: randomUUID(),
      }),
    }),
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${token}` };
  const groups = (await (await fetch(`${base}/fhir/Group`, { headers })).json()) as {
    entry: { resource: { member: { entity: { reference: string } }[] } }[];
  };
  const all = groups.entry.flatMap(({ resource }) =>
    resource.member.map(({ entity }) => entity.reference.replace('Patient/', '')),
  );
  const members = untaken(bench, [...new Set(all)], count);
  const get = (member: string): Promise<Response> => fetch(`${base}/fhir/Patient/${member}`, { headers });
  const read = async (member: string): Promise<number> => (await get(member)).status;
  const patient = async (member: string): Promise<Named> => (await (await get(member)).json()) as Named;
  return { client, members, read, patient };
}

/** Sends a request with the administrator's token, which must be answered, and reads the answer. */
export async function administrator<T>({ platform }: PortalBench, path: string, body?: object): Promise<T> {
  const answer = await fetch(platform.base + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${platform.administratorToken}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  expect([answer.ok, text]).toEqual([true, text]);
  return JSON.parse(text) as T;
}
/** Approves an app of a stranger that is bound to the NPI of another one, too. */
export async function approveStranger(bench: PortalBench, client: string, npi: string, name: string): Promise<void> {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
  const { client_id: id } = await administrator<{ client_id: string }>(bench, '/auth/register', {
    client_name: name,
    jwks: { keys: [{ ...jwk, kid: 'k', alg: 'ES384', use: 'sig' }] },
    contacts: ['developer@clinic.example'],
    npi: [npi],
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['client_credentials'],
    scope: 'system/*.rs',
  });
  await administrator(bench, `/auth/clients/${id}/approve`, {
    identifiers: [{ npi, evidence: 'contract 7' }],
    confirm: [npi],
    sharedWith: [client],
  });
}

/** As a call centre does: the sandbox takes events of its own payer alone. */
export async function enterOptOut({ platform }: PortalBench, member: string): Promise<void> {
  const answer = await fetch(`${platform.base}/fhir/Consent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${platform.administratorToken}`, 'content-type': 'application/fhir+json' },
    body: JSON.stringify(decision(member, 'deny', undefined, { script: 'opt-out 2026-11' })),
  });
  expect(answer.status, await answer.text()).toBe(201);
}
