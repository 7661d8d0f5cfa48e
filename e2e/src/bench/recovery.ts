import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka, startMongo } from '@provider-access/testing';
import { syntheticPayer } from '@provider-access/synthetic';
import { startDeployment, type Deployment } from '../deployment.ts';
import { publishAll, registerApp, type TestApp } from '../harness.ts';
import { AS_OF, ASSERTION_TYPE, clientAssertion, form, http, json, optIn, optOut, tell } from '../road.ts';

/** How long it takes from the loss of a broker until each kind of request is answered again, by asking all the time. */
export interface Recovery { readonly name: string; /** ms: from the loss (or the return, where nothing can be answered before it) to the last answer that was none. 0: all were answered. */ readonly ms: Readonly<Record<string, number>> }

/** Below the limit of token requests. */
const EVERY_MS = { read: 100, 'opt-out': 100, token: 1100 };
/** So long everything must have been answered before it counts as recovered. */
const CALM_MS = 8000;
const KINDS = ['read', 'opt-out', 'token'] as const;
type Kind = (typeof KINDS)[number];

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks each kind until stopped, one request at a time each; remembers when the last failure ended. */
async function asking(platform: Deployment, app: TestApp, member: string, leaver: string): Promise<{ failedAt(kind: Kind): number; answeredAt(kind: Kind): number; stop(): Promise<void> }> {
  const failed: Record<string, number> = {};
  const answered: Record<string, number> = {};
  let running = true;
  let out = false;
  let token = await app.tokens.get();
  const ask: Record<Kind, () => Promise<boolean>> = {
    read: async () => (await http(`${platform.base}/fhir/Patient/${member}`, { token })).status === 200,
    'opt-out': async () => {
      out = !out;
      return (await tell(platform, out ? optOut(leaver) : optIn(leaver))).status === 'effective';
    },
    token: async () => {
      const assertion = clientAssertion(app, `${platform.base}/auth/token`);
      const answer = await http(`${platform.base}/auth/token`, form({ grant_type: 'client_credentials', scope: app.scope, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion }));
      if (answer.status === 200) token = json<{ access_token: string }>(answer).access_token;
      return answer.status === 200;
    },
  };
  const loops = KINDS.map(async (kind) => {
    while (running) {
      const fine = await Promise.race([ask[kind]().catch(() => false), sleep(30_000).then(() => false)]);
      (fine ? answered : failed)[kind] = performance.now();
      await sleep(EVERY_MS[kind]);
    }
  });
  return { failedAt: (kind) => failed[kind] ?? 0, answeredAt: (kind) => answered[kind] ?? 0, stop: async () => ((running = false), void (await Promise.all(loops))) };
}

export async function benchRecovery(): Promise<readonly Recovery[]> {
  const payer = syntheticPayer({ seed: 'recovery', members: 8, asOf: AS_OF });
  const organization = payer.providerOrganizations.map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] })).sort((a, b) => b.visible.length - a.visible.length)[0]!;
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-recovery-'));
  const kafka = await startKafka({ brokers: 3 });
  const mongo = await startMongo();
  let platform: Deployment | undefined;
  const results: Recovery[] = [];
  try {
    platform = await startDeployment({
      dataDir: join(folder, 'data'), instances: { auth: 1, attribution: 1, consent: 1, resources: 1, export: 1 },
      env: { KAFKA_BROKERS: kafka.brokers.join(), MONGODB_URI: `mongodb://127.0.0.1:${mongo.port}/?directConnection=true`, KAFKA_REPLICATION: '3', KAFKA_MIN_INSYNC_REPLICAS: '2', KAFKA_SESSION_TIMEOUT_MS: '10000' },
    });
    await publishAll(platform, payer.events());
    const app = await registerApp(platform, { name: 'Recovery', npi: organization.npi, tin: organization.tin });
    const [member, leaver] = organization.visible.map((m) => m.member) as [string, string];
    const asked = await asking(platform, app, member, leaver);
    const recovered = async (name: string, since: number): Promise<void> => {
      while (KINDS.some((kind) => performance.now() - Math.max(asked.failedAt(kind), since) < CALM_MS || asked.answeredAt(kind) < asked.failedAt(kind))) await sleep(100);
      results.push({ name, ms: Object.fromEntries(KINDS.map((kind) => [kind, Math.max(0, Math.round(asked.failedAt(kind) - since))])) });
    };
    await recovered('(before: until all is answered)', performance.now());
    results.pop();
    for (const broker of [0, 1, 2]) {
      const since = performance.now();
      await kafka.kill(broker);
      await recovered(`one of three brokers is killed (${broker + 1})`, since);
      const back = performance.now();
      await kafka.startBroker(broker);
      await recovered(`and comes back (${broker + 1})`, back);
    }
    for (const broker of [0, 1]) await kafka.kill(broker);
    await sleep(15_000);
    for (const broker of [0, 1]) await kafka.startBroker(broker);
    await recovered('two of three are away for 15 s: from their return', performance.now());
    await mongo.kill();
    await sleep(10_000);
    await mongo.start();
    await recovered('MongoDB is away for 10 s: from its return', performance.now());
    await asked.stop();
  } finally {
    await platform?.kill();
    await Promise.all([kafka.stop(), mongo.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
  return results;
}

export function printRecovery(results: readonly Recovery[]): void {
  console.log(`| what is lost | ${KINDS.join(' | ')} |\n|---|${KINDS.map(() => '---|').join('')}`);
  for (const { name, ms } of results) console.log(`| ${name} | ${KINDS.map((kind) => (ms[kind] === 0 ? 'no gap' : `${(ms[kind]! / 1000).toFixed(1)} s`)).join(' | ')} |`);
}
