import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafka, startMongo, tokenRequest } from '@provider-access/testing';
import { syntheticPayer } from '@provider-access/synthetic';
import { startDeployment, type Deployment } from '../deployment.ts';
import { largest } from '../payers.ts';
import { AS_OF, http, json, optIn, optOut, publishAll, registerApp, tell, type TestApp } from '../road.ts';

/** Measures what clients notice when a broker or MongoDB is lost, with requests all the time. */
export interface Recovery {
  readonly name: string;
  /**
   * For each kind of request: the longest time without a good answer, ms, from the loss until everything works again;
   * and the number of bad answers.
   */
  readonly gapMs: Readonly<Record<string, number>>;
  readonly failed: Readonly<Record<string, number>>;
}

/** Below the limit of token requests. */
const EVERY_MS = { read: 100, 'opt-out': 100, token: 1100 };
/** For so long every request must succeed before it counts as recovered. */
const CALM_MS = 8000;
const KINDS = ['read', 'opt-out', 'token'] as const;
type Kind = (typeof KINDS)[number];

interface Asked {
  answeredAt: number;
  failedAt: number;
  gapMs: number;
  failed: number;
}

/** Repeats each kind of request until it is stopped, one request at a time. */
async function asking(
  platform: Deployment,
  app: TestApp,
  member: string,
  leaver: string,
): Promise<{ readonly seen: Readonly<Record<Kind, Asked>>; forget(): void; stop(): Promise<void> }> {
  const fresh = (): Asked => ({ answeredAt: performance.now(), failedAt: 0, gapMs: 0, failed: 0 });
  const seen: Record<Kind, Asked> = { read: fresh(), 'opt-out': fresh(), token: fresh() };
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
      const answer = await http(`${platform.base}/auth/token`, tokenRequest(app, platform.base));
      if (answer.status === 200) token = json<{ access_token: string }>(answer).access_token;
      return answer.status === 200;
    },
  };
  const loops = KINDS.map(async (kind) => {
    while (running) {
      const fine = await Promise.race([ask[kind]().catch(() => false), sleep(30_000).then(() => false)]);
      const now = performance.now();
      const of = seen[kind];
      if (fine) Object.assign(of, { answeredAt: now, gapMs: Math.max(of.gapMs, now - of.answeredAt - EVERY_MS[kind]) });
      else Object.assign(of, { failedAt: now, failed: of.failed + 1 });
      await sleep(EVERY_MS[kind]);
    }
  });
  return {
    seen,
    forget: () => KINDS.forEach((kind) => Object.assign(seen[kind], { gapMs: 0, failed: 0 })),
    stop: async () => ((running = false), void (await Promise.all(loops))),
  };
}

export async function benchRecovery(): Promise<readonly Recovery[]> {
  const payer = syntheticPayer({ seed: 'recovery', members: 8, asOf: AS_OF });
  const organization = largest(payer);
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-recovery-'));
  const kafka = await startKafka({ brokers: 3 });
  const mongo = await startMongo();
  let platform: Deployment | undefined;
  const results: Recovery[] = [];
  try {
    platform = await startDeployment({
      dataDir: join(folder, 'data'),
      env: {
        KAFKA_BROKERS: kafka.brokers.join(),
        MONGODB_URI: `mongodb://127.0.0.1:${mongo.port}/?directConnection=true`,
        KAFKA_REPLICATION: '3',
        KAFKA_MIN_INSYNC_REPLICAS: '2',
        KAFKA_SESSION_TIMEOUT_MS: '10000',
      },
    });
    await publishAll(platform, payer.events());
    const app = await registerApp(platform, { name: 'Recovery', npi: organization.npi, tin: organization.tin });
    const [member, leaver] = organization.visible.map((m) => m.member) as [string, string];
    const asked = await asking(platform, app, member, leaver);
    const during = async (name: string, work: () => Promise<unknown>): Promise<void> => {
      asked.forget();
      await work();
      const since = performance.now();
      while (
        Object.values(asked.seen).some(
          ({ failedAt, answeredAt }) =>
            performance.now() - Math.max(failedAt, since) < CALM_MS || answeredAt < Math.max(failedAt, since),
        )
      )
        await sleep(100);
      const of = (what: 'gapMs' | 'failed'): Record<string, number> =>
        Object.fromEntries(KINDS.map((kind) => [kind, Math.round(asked.seen[kind][what])]));
      results.push({ name, gapMs: of('gapMs'), failed: of('failed') });
    };
    await during('(before)', async () => undefined);
    results.pop();
    await during('nothing', () => sleep(15_000));
    for (const broker of [0, 1, 2]) {
      await during(`one of three brokers is killed (${broker + 1})`, () => kafka.kill(broker));
      await during(`and comes back (${broker + 1})`, () => kafka.startBroker(broker));
    }
    await during('two of three are away for 15 s', async () => {
      for (const broker of [0, 1]) await kafka.kill(broker);
      await sleep(15_000);
      for (const broker of [0, 1]) await kafka.startBroker(broker);
    });
    await during('MongoDB is away for 10 s', async () => {
      await mongo.kill();
      await sleep(10_000);
      await mongo.start();
    });
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
  for (const { name, gapMs, failed } of results) {
    const cells = KINDS.map((kind) => {
      const gap = `${(gapMs[kind]! / 1000).toFixed(1)} s`;
      return failed[kind] === 0 ? gap : `${gap}, ${failed[kind]} failed`;
    });
    console.log(`| ${[name, ...cells].join(' | ')} |`);
  }
}
