import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, sharedKafka, sharedMongo } from '@provider-access/testing';

/** The five built services as processes of their own against one Kafka and one MongoDB. */
const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'] as const;
type Service = (typeof SERVICES)[number];

interface Running { readonly base: string; readonly child: ChildProcess; readonly said: string[]; readonly ended: Promise<number | null> }

const main = (service: string): string => join(import.meta.dirname, '../../', service, 'dist/main.js');
const folder = mkdtempSync(join(tmpdir(), 'five-'));
const secret = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const administrator = randomBytes(32).toString('base64url');
const started: Running[] = [];
let env: Record<string, string>;

function run(service: string, more: Record<string, string> = {}, args: string[] = []): Omit<Running, 'base'> {
  // Where this run's engines are comes from `env` alone.
  const inherited = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', main(service), ...args], { env: { ...inherited, ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => said.push(line));
  return { child, said, ended: new Promise((resolve) => child.once('close', resolve)) };
}
async function start(service: Service, more: Record<string, string> = {}): Promise<Running> {
  const process = run(service, more);
  let over = false;
  void process.ended.then(() => (over = true));
  const base = await eventually(() => {
    if (over) throw new Error(`${service} ended: ${process.said.join(' | ')}`);
    return /listening on (http:\/\/\S+)/.exec(process.said.join('\n'))?.[1] ?? false;
  }, { what: `${service} listens` });
  const running = { ...process, base };
  started.push(running);
  return running;
}
async function ready({ base, said }: Running): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`${base}/health/ready`);
    if (response.status !== 200) throw new Error(`${await response.text()} ${said.slice(-5).join(' | ')}`);
  }, { what: 'the service is ready', interval: 100 });
}

beforeAll(async () => {
  for (const service of [...SERVICES, 'admin']) if (!existsSync(main(service))) throw new Error(`services/${service} is not built: run \`npm run build\``);
  const [kafka, mongo] = await Promise.all([sharedKafka(), sharedMongo()]);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = `five${randomBytes(5).toString('hex')}`;
  const keys = randomBytes(32).toString('base64url');
  env = {
    KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_TOPIC_PREFIX: `${name}.`, KAFKA_PARTITIONS: '2', KAFKA_REPLICATION: '1', KAFKA_MIN_INSYNC_REPLICAS: '1', KAFKA_SESSION_TIMEOUT_MS: '6000',
    MONGODB_URI: mongo.uri, MONGODB_DATABASE: name, FILES: 'fs', FILES_DIR: folder, HOST: '127.0.0.1', PORT: '0', PUBLIC_URL: 'https://pa.example', LOG_LEVEL: 'info', ALLOW_INSECURE_JWKS: 'true',
    TOKEN_SIGNING_KEYS_FILE: secret('signing.json', JSON.stringify({ keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'ES256', use: 'sig' }] })),
    PAGE_LINK_KEYS_FILE: secret('pages', keys), MEMBER_HASH_KEYS_FILE: secret('hashes', keys), ADMINISTRATOR_TOKENS_FILE: secret('administrator', administrator), PAYER_TOKENS_FILE: secret('payer', keys),
  };
}, 300_000);
afterAll(() => {
  for (const { child } of started) if (child.exitCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A consumer group of each that has some. */
const GROUPS: Readonly<Record<string, string>> = { attribution: 'attribution-intake', consent: 'consent-intake', resources: 'resources-intake', export: 'export-work' };

describe('five processes', () => {
  test('a service without its topics ends at once and names what creates them', async () => {
    const { ended, said } = run('auth');
    expect(await ended, said.join('\n')).toBe(1);
    expect(said.at(-1)).toMatch(/KAFKA_TOPIC_PREFIX: .*pa\.registry.*`pa topics apply`/);
  });

  test('a service without its indexes ends at once', async () => {
    const topics = run('admin', {}, ['topics', 'apply']);
    expect(await topics.ended, topics.said.join('\n')).toBe(0);
    const { ended, said } = run('resources');
    expect(await ended, said.join('\n')).toBe(1);
    expect(said.at(-1)).toMatch(/`pa views apply`/);
  });

  test('start, become ready, answer, and end with 0 on SIGTERM', async () => {
    const applied = run('admin', {}, ['apply']);
    expect(await applied.ended, applied.said.join('\n')).toBe(0);
    const exports = await start('export');
    const [auth, attribution, consent, resources] = await Promise.all([start('auth'), start('attribution', { EXPORT_URL: exports.base }), start('consent'), start('resources')]);
    const all = { auth, attribution, consent, resources, export: exports };
    await Promise.all(Object.values(all).map(ready));

    const metadata = await fetch(`${resources.base}/fhir/metadata`);
    expect([metadata.status, ((await metadata.json()) as { resourceType: string }).resourceType]).toEqual([200, 'CapabilityStatement']);

    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const registered = await fetch(`${auth.base}/auth/register`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Five', contacts: ['mailto:it@provider.example'], scope: 'system/Patient.rs system/Group.rs', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384', use: 'sig' }] }, npi: ['1234567893'],
      }),
    });
    const text = await registered.text();
    expect(registered.status, text).toBe(201);
    expect((JSON.parse(text) as { client_id: string }).client_id).toMatch(/./);

    // $export goes from attribution to export, and comes back as export says it.
    const forwarded = await fetch(`${attribution.base}/fhir/Group/g1/$export`, { headers: { prefer: 'respond-async', accept: 'application/fhir+json' } });
    expect([forwarded.status, forwarded.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Bearer')]);

    for (const [name, { base }] of Object.entries(all)) {
      expect((await fetch(`${base}/health/live`)).status, name).toBe(200);
      const metrics = async (): Promise<string> => (await fetch(`${base}/metrics`)).text();
      expect(await metrics(), name).toContain('pa_engine_reachable{engine="kafka"} 1');
      // Each says of its own groups how far and for how long they are behind: nothing is to be done here.
      const group = GROUPS[name];
      if (group !== undefined) {
        await expect.poll(metrics, { interval: 1000 }).toMatch(new RegExp(`pa_log_oldest_unhandled_seconds\\{topic="[a-z.-]+",group="${group}"\\} 0\n`));
        expect(await metrics(), name).toContain(`pa_facts_age_seconds{service="${name}"} `);
      }
      const views = await fetch(`${base}/ops/views/${name}`, { headers: { authorization: `Bearer ${administrator}` } });
      expect([name, views.status, Array.isArray(((await views.json()) as { views: unknown }).views)]).toEqual([name, 200, true]);
    }

    for (const { child } of Object.values(all)) child.kill('SIGTERM');
    for (const [name, { ended, said }] of Object.entries(all)) expect(await ended, `${name}: ${said.slice(-5).join(' | ')}`).toBe(0);
    for (const { said } of Object.values(all)) expect(said.filter((line) => /partitioner|TimeoutNegativeWarning|did not close|not handled/i.test(line))).toEqual([]);
  }, 400_000);
});
