import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { encodeEvent, PA_AUDIT, PA_REGISTRY } from '@provider-access/events';

const DAY_MS = 24 * 3_600_000;
export const PAST_APP = 'c-0000000000000000000000000000abcd';
export const PAST_MEMBER = 'm-of-the-past';
export const PAST_NPIS = ['1245319599', '1497758544', '1003000126'] as const;
/** Days before now: when the app registered, was approved, lost a provider, was suspended, and came back. */
/** Days before now of what it took: 3 reads of 5 resources each, and one search of 40; then 7 refusals. */
const TOOK = { read: [200, 150, 30], search: [25], refused: [100] } as const;
const STORY = { registered: 300, approved: 290, ended: 120, suspended: 90, back: 60 } as const;
const ago = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();

/** The entries of the audit about what it took. */
function taken() {
  const entries = [
    ...TOOK.read.map((days) => ({ days, action: 'read', outcome: 'released', resources: 5 })),
    ...TOOK.search.map((days) => ({ days, action: 'search', outcome: 'released', resources: 40 })),
    ...TOOK.refused.map((days) => ({
      ...{ days, action: 'read', outcome: 'refused', resources: 0 },
      ...{ reason: 'client-not-approved', count: 7 },
    })),
  ];
  return entries.map(({ days, ...entry }, n) => {
    const data = { ...entry, client: PAST_APP, at: ago(days), members: [PAST_MEMBER] };
    const about = { id: `past-${n}`, source: 'test', time: ago(days), subject: PAST_APP };
    return encodeEvent({ ...about, type: 'pa.disclosure.v1', data });
  });
}

/** Writes an app with a long past into the log of a platform that has not started: the tests cannot wait for a year. */
export async function writePastApp(dataDir: string): Promise<void> {
  mkdirSync(dataDir, { recursive: true });
  const client = PAST_APP;
  const [one, two, three] = PAST_NPIS.map((npi) => `npi|${npi}`) as [string, string, string];
  const [by, other] = ['person Ana Ruiz', 'person Sam Lee'];
  const approval = { client, scope: 'system/Patient.rs', by };
  const times = Object.fromEntries(Object.entries(STORY).map(([name, days]) => [name, ago(days)]));
  const { registered, approved, ended, suspended, back } = times as Record<keyof typeof STORY, string>;
  const stated = (provider: string, from: string, evidence: string) => ({ provider, from, by, evidence });
  const jwks = (kid: string) => {
    const jwk = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
    return { keys: [{ ...jwk, kid, alg: 'ES384', use: 'sig' }] };
  };
  const registration = {
    client,
    name: 'Valley Heart Clinic',
    jwks: jwks('k1'),
    scope: 'system/*.rs',
    contacts: ['developer@heart.example'],
    npis: PAST_NPIS,
    tins: [],
    registrationTokenHash: 'x',
    registeredAt: registered,
  };
  const events = [
    {
      type: 'pa.app-registered.v1',
      time: registered,
      data: registration,
    },
    {
      type: 'pa.app-approved.v1',
      time: approved,
      data: {
        ...approval,
        providers: [one, two],
        bindings: [stated(one, approved, 'contract 7'), stated(two, approved, 'contract 8')],
      },
    },
    {
      type: 'pa.app-approved.v1',
      time: ended,
      data: {
        ...approval,
        providers: [one],
        ended: two,
        reason: 'contract-ended',
        bindings: [{ provider: two, from: approved, to: ended, by, reason: 'contract-ended' }],
      },
    },
    { type: 'pa.app-suspended.v1', time: suspended, data: { client, by: other, reason: 'key-compromised' } },
    {
      type: 'pa.app-approved.v1',
      time: back,
      data: {
        ...approval,
        reason: 'It has a new key.',
        providers: [one, three],
        bindings: [stated(one, back, 'contract 7'), stated(three, back, 'contract 9')],
      },
    },
  ];
  const log = openEmbeddedLog({ file: join(dataDir, 'log.db') });
  for (const [n, event] of events.entries()) {
    const encoded = encodeEvent({ ...event, id: `${client}/${n + 1}`, source: 'test', subject: client });
    await log.append(PA_REGISTRY, [
      { ...encoded, headers: { ...encoded.headers, pa_stream: `client/${client}`, pa_version: String(n + 1) } },
    ]);
  }
  for (const entry of taken()) await log.append(PA_AUDIT, [entry]);
  const changed = { ...registration, jwks: jwks('k2'), formerKeys: [] };
  const change = { id: `client-keys/${client}/1`, source: 'test', time: back, subject: client };
  const { headers, ...record } = encodeEvent({ ...change, type: 'pa.app-registered.v1', data: changed });
  await log.append(PA_REGISTRY, [
    { ...record, headers: { ...headers, pa_stream: `client-keys/${client}`, pa_version: '1' } },
  ]);
  await log.close();
}
