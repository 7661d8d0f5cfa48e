import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Job } from '@kubernetes/client-node';
import { PROBE_STEPS } from '@provider-access/events';
import { mergePatch, openCluster, type Cluster } from '@provider-access/cluster';
import { eventually, makeCertificates } from '@provider-access/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { paOf, type Pa } from '../../pa.ts';
import { http, type HttpAnswer } from '../../road.ts';
import { prepareRelease, type Release } from '../release.ts';

const NAME = 'pa-probe';
const HOST = `${NAME}.example`;
const CRON_JOB = 'pa-provider-access-probe';
const WAIT = { timeout: 240_000, interval: 500 };
const WALKED = PROBE_STEPS.filter((step) => step !== 'prepare' && step !== 'remove');

let cluster: Cluster;
let release: Release;
let folder: string;
let first: Awaited<ReturnType<typeof makeCertificates>>;
let pa: Pa;

/** Through the public ingress, with verified TLS. `host` is the name in the handshake, `named` that in the request. */
function secure(
  path: string,
  { host = HOST, named = host, ca = first.ca }: { host?: string; named?: string; ca?: string } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    request({ host: HOST, port: 443, path, servername: host, headers: { host: named }, ca, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('error', reject)
        .on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
        );
    })
      .on('error', reject)
      .end();
  });
}
const certificates = (name: string): ReturnType<typeof makeCertificates> =>
  makeCertificates(join(folder, name), [HOST]);
/** In the form that cert-manager, or a person, leaves. */
const tlsSecret = ({ server }: Awaited<ReturnType<typeof certificates>>) => ({
  metadata: { name: 'tls' },
  type: 'kubernetes.io/tls',
  stringData: { 'tls.crt': server.cert, 'tls.key': server.key },
});

/** Over https, as a payer runs it: certificate in a Secret, authority in a ConfigMap, plain HTTP not allowed. */
beforeAll(async () => {
  cluster = await openCluster();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-probe-'));
  release = await prepareRelease({
    cluster,
    name: NAME,
    values: {
      publicUrl: `https://${HOST}`,
      config: { ALLOW_PLAIN_HTTP: false },
      ingress: { tls: { enabled: true, secretName: 'tls' } },
      secrets: { caBundle: { configMapName: 'authorities' } },
    },
  });
  first = await certificates('first');
  await cluster.api.core.createNamespacedSecret({ namespace: NAME, body: tlsSecret(first) });
  await cluster.api.core.createNamespacedConfigMap({
    namespace: NAME,
    body: { metadata: { name: 'authorities' }, data: { 'ca.crt': first.ca } },
  });
  await release.install();
  const data = join(folder, 'data');
  mkdirSync(data);
  for (const role of ['payer', 'administrator'] as const)
    writeFileSync(join(data, `${role}.token`), release[`${role}Token`], { mode: 0o600 });
  const run = paOf({ base: release.base, dataDir: data }, folder);
  const env = { NODE_EXTRA_CA_CERTS: first.caFile, PA_INTERNAL_SERVER: release.internalBase };
  pa = Object.assign((...args: string[]) => run.with({ env }, ...args), { with: run.with });
});
afterAll(async () => {
  await release?.destroy();
  rmSync(folder, { recursive: true, force: true });
});

describe('TLS at the ingress', () => {
  test('the public host is served by the certificate of the Secret, and by nothing else', async () => {
    expect((await secure('/fhir/metadata')).status).toBe(200);
    expect((await secure('/fhir/Patient/x')).status).toBe(401);
    expect((await secure('/events')).status).toBe(404);
    const others = await makeCertificates(join(folder, 'others'));
    await expect(secure('/fhir/metadata', { ca: others.ca })).rejects.toMatchObject({
      code: expect.stringMatching(/^(UNABLE_TO_VERIFY|SELF_SIGNED|CERT_)/) as string,
    });
    const plain = await http(`http://${HOST}/fhir/metadata?x=1`);
    expect([plain.status, plain.headers.location]).toEqual([308, `https://${HOST}/fhir/metadata?x=1`]);
  });

  test('links of the platform are https under that host, and can be followed', async () => {
    const smart = JSON.parse((await secure('/fhir/.well-known/smart-configuration')).body.toString()) as Record<
      string,
      unknown
    >;
    const urls = [...JSON.stringify(smart).matchAll(/"(https?:\/\/[^"]+)"/g)]
      .map(([, url]) => url!)
      .filter((url) => url.includes(HOST));
    expect(smart).toMatchObject({
      token_endpoint: `https://${HOST}/auth/token`,
      jwks_uri: expect.stringMatching(`^https://${HOST}/`) as string,
    });
    expect(urls.filter((url) => !url.startsWith(`https://${HOST}/`))).toEqual([]);
    expect((await secure(new URL(String(smart['jwks_uri'])).pathname)).status).toBe(200);
    const metadata = (await secure('/fhir/metadata')).body.toString();
    expect(metadata).toContain(`https://${HOST}/fhir`);
    expect(metadata).not.toContain(`http://${HOST}`);
  });

  test('another host is shown no certificate, and nothing of the platform', async () => {
    await expect(secure('/fhir/metadata', { host: 'wrong.example' })).rejects.toThrow(/alert|unrecognized|handshake/i);
    const smuggled = await secure('/fhir/metadata', { named: 'wrong.example' });
    expect([404, 421]).toContain(smuggled.status);
    expect(smuggled.body.toString()).not.toContain('CapabilityStatement');
  });

  test('a renewed certificate is served without a roll-out', async () => {
    const before = (await release.pods()).map(({ metadata }) => metadata!.uid).toSorted();
    const renewed = await certificates('renewed');
    await cluster.api.core.replaceNamespacedSecret({ namespace: NAME, name: 'tls', body: tlsSecret(renewed) });
    await eventually(async () => expect((await secure('/fhir/metadata', { ca: renewed.ca })).status).toBe(200), WAIT);
    expect((await release.pods()).map(({ metadata }) => metadata!.uid).toSorted()).toEqual(before);
    await cluster.api.core.replaceNamespacedSecret({ namespace: NAME, name: 'tls', body: tlsSecret(first) });
    await eventually(async () => expect((await secure('/fhir/metadata')).status).toBe(200), WAIT);
  });
});

describe('the CronJob of the probe', () => {
  const jobs = async (): Promise<readonly V1Job[]> =>
    (await cluster.api.batch.listNamespacedJob({ namespace: NAME })).items.filter(({ metadata }) =>
      metadata!.ownerReferences?.some(({ kind, name }) => kind === 'CronJob' && name === CRON_JOB),
    );
  const podsOf = async (job: string) =>
    (await release.pods()).filter(({ metadata }) => metadata!.labels?.['batch.kubernetes.io/job-name'] === job);
  const condition = ({ status }: V1Job): string | undefined =>
    status?.conditions?.find(({ type, status: is }) => is === 'True' && (type === 'Complete' || type === 'Failed'))
      ?.type;
  const linesOf = (pod: string): string[] => (cluster.logs(NAME).get(`${pod}/probe`) ?? '').split('\n');
  const metrics = async (): Promise<string> => {
    const [pod] = (await release.pods('attribution')).filter(
      ({ metadata, status }) => status?.phase === 'Running' && metadata?.deletionTimestamp === undefined,
    );
    return (await http(`http://${pod!.status!.podIP}:8080/metrics`)).body.toString();
  };
  let client = '';

  test('is set up as docs/service-levels.md says, its Secret made of the two files', async () => {
    const ran = await pa('probe', 'setup', '--out', join(folder, 'probe'), '--json');
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    client = (JSON.parse(ran.stdout) as { client_id: string }).client_id;
    const file = (name: string): string => readFileSync(join(folder, 'probe', name), 'utf8');
    await cluster.api.core.createNamespacedSecret({
      namespace: NAME,
      body: { metadata: { name: 'probe' }, stringData: { 'app.json': file('app.json'), 'key.json': file('key.json') } },
    });
    await release.upgrade({
      probe: {
        cronJob: {
          enabled: true,
          schedule: '* * * * *',
          secretName: 'probe',
          args: ['--publish', '--opt-out', '--timeout', '120'],
        },
      },
    });
  });

  test('its scheduled pod runs and prints every step over TLS, reports to the platform, and completes', async () => {
    const job = await eventually(async () => {
      const [first] = await jobs();
      expect(first && condition(first), first && (await cluster.describe(NAME))).toBe('Complete');
      return first!;
    }, WAIT);
    await cluster.api.batch.patchNamespacedCronJob(
      { namespace: NAME, name: CRON_JOB, body: { spec: { suspend: true } } },
      mergePatch,
    );
    const [pod, ...others] = await podsOf(job.metadata!.name!);
    expect(others).toEqual([]);
    expect(pod!.status).toMatchObject({
      phase: 'Succeeded',
      containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
    });
    const lines = linesOf(pod!.metadata!.name!);
    expect(lines.flatMap((line) => /^ok +(\S+) +\d+ ms {2}\S/.exec(line)?.[1] ?? [])).toEqual(WALKED);
    expect(lines.find((line) => line.startsWith('every step succeeded'))).toMatch(
      /^every step succeeded: 12 steps in /,
    );
    expect(lines.filter((line) => /FAILED|could not be told/.test(line))).toEqual([]);
    for (const secret of [release.administratorToken, release.payerToken])
      expect(lines.join('\n')).not.toContain(secret);
    await eventually(async () => {
      const text = await metrics();
      expect(text).toMatch(/^pa_probe_runs_total\{result="passed",step="none"\} [1-9]/m);
      expect(
        [...text.matchAll(/^pa_probe_step_duration_seconds\{step="([^"]+)"\}/gm)].map(([, step]) => step).toSorted(),
      ).toEqual(WALKED.toSorted());
      expect(Number(/^pa_probe_last_success_timestamp_seconds (\S+)/m.exec(text)?.[1])).toBeGreaterThanOrEqual(
        job.metadata!.creationTimestamp!.getTime() / 1000,
      );
    }, WAIT);
  });

  test('a job made of it by hand fails once, with the step that failed, and is not repeated', async () => {
    expect((await pa('apps', 'suspend', client, '--reason', 'attack-observed')).code).toBe(0);
    const cron = await cluster.api.batch.readNamespacedCronJob({ namespace: NAME, name: CRON_JOB });
    // The request of `kubectl create job --from=cronjob/…`.
    const owner = {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      name: CRON_JOB,
      uid: cron.metadata!.uid!,
      controller: true,
    };
    await cluster.api.batch.createNamespacedJob({
      namespace: NAME,
      body: {
        metadata: {
          name: 'by-hand',
          annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' },
          ownerReferences: [owner],
        },
        spec: cron.spec!.jobTemplate.spec,
      },
    });
    await eventually(
      async () =>
        expect(condition(await cluster.api.batch.readNamespacedJob({ namespace: NAME, name: 'by-hand' }))).toBe(
          'Failed',
        ),
      WAIT,
    );
    const pods = await podsOf('by-hand');
    expect(pods.map(({ status }) => status)).toMatchObject([
      { phase: 'Failed', containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 1 } } }] },
    ]);
    const lines = linesOf(pods[0]!.metadata!.name!);
    expect(
      lines.filter((line) => /^(ok|FAILED) /.test(line)).map((line) => line.split(/ +/).slice(0, 2)),
      lines.join('\n'),
    ).toEqual([
      ['ok', 'discovery'],
      ['FAILED', 'token'],
    ]);
    expect(lines.find((line) => line.startsWith('failed at'))).toMatch(/^failed at token: /);
    await eventually(
      async () => expect(await metrics()).toMatch(/^pa_probe_runs_total\{result="failed",step="token"\} 1$/m),
      WAIT,
    );
  });
});
