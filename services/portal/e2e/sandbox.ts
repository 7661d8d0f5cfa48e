import { createPrivateKey, type JsonWebKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@provider-access/testing';
import { expect } from 'vitest';
import type { PortalBench } from './bench.ts';

/** What a bench needs to have the synthetic payer. */
export const SANDBOX = { SANDBOX: 'true', SANDBOX_MEMBERS: '80', SANDBOX_EVENTS_PER_MINUTE: '0' };

export type Key = JsonWebKey & { readonly kid: string; readonly alg: string };
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
}
export async function clinicOf(bench: PortalBench, count: number): Promise<Clinic> {
  const { base, administratorToken } = bench.platform;
  const sandbox = async () =>
    (await (
      await fetch(`${base}/ops/sandbox`, { headers: { authorization: `Bearer ${administratorToken}` } })
    ).json()) as { status: string; clients: { client_id: string }[] };
  await eventually(async () => expect((await sandbox()).status).toBe('ready'), { timeout: 300_000, interval: 500 });
  const client = (await sandbox()).clients[0]!.client_id;
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
  const members = [...new Set(all)].slice(0, count);
  expect(members.length).toBe(count);
  const read = async (member: string): Promise<number> =>
    (await fetch(`${base}/fhir/Patient/${member}`, { headers })).status;
  return { client, members, read };
}
