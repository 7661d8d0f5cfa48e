import { registerOwn, Server } from '@provider-access/cli';
import { openCluster, type Cluster } from '@provider-access/cluster';
import { eventually } from '@provider-access/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findGroup, http, json, optOut, tell } from '../../road.ts';
import { prepareRelease, type Release } from '../release.ts';

const WAIT = { timeout: 240_000, interval: 1000 };
let cluster: Cluster;
let release: Release;
beforeAll(async () => {
  cluster = await openCluster();
  release = await prepareRelease({
    cluster,
    name: 'pa-sandbox',
    values: { sandbox: { enabled: true, members: 20, eventsPerMinute: 0 } },
  });
  await release.install();
});
afterAll(() => release?.destroy());

type App = Awaited<ReturnType<typeof registerOwn>>;
const register = (npi: string): Promise<App> =>
  registerOwn(new Server(release.base), release.administratorToken, {
    name: 'New EHR',
    npi,
    contact: 'mailto:a@b.example',
  });
const own = async ({ registration }: App): Promise<{ status: string; note?: string }> =>
  json(await http(registration.registration_client_uri, { token: registration.registration_access_token }));

test('a sandbox says that it is one, and has one more pod, which is ready', async () => {
  const statement = json<{ implementation: { description: string } }>(await http(`${release.base}/fhir/metadata`));
  expect(statement.implementation.description).toContain('a sandbox: all data is synthetic');
  const { items } = await cluster.api.apps.listNamespacedDeployment({ namespace: release.namespace });
  const sandbox = items.find(({ metadata }) => metadata!.name!.endsWith('-sandbox'));
  expect(sandbox?.status?.readyReplicas).toBe(1);
});

test('its pod rejects an app of nobody with a reason, approves a synthetic one, and publishes members', async () => {
  const stranger = await register('1234567893');
  const { note } = await eventually(async () => {
    const answer = await own(stranger);
    expect(answer.status).toBe('rejected');
    return answer;
  }, WAIT);
  const [, npi] = /Register with a synthetic NPI, for example (\d{10})/.exec(note!)!;
  const app = await register(npi!);
  await eventually(async () => expect((await own(app)).status).toBe('approved'), WAIT);
  await eventually(async () => {
    const { id } = await findGroup(release, await app.tokens.get(), npi!);
    const group = json<{ quantity: number }>(
      await http(`${release.base}/fhir/Group/${id}`, { token: await app.tokens.get() }),
    );
    expect(group.quantity).toBeGreaterThan(0);
  }, WAIT);
});

test('it takes no event of another payer', async () => {
  const internal = { ...release, base: release.internalBase };
  expect(await tell(internal, optOut('m-000001'))).toMatchObject({ status: 'refused', reason: 'not-from-the-sandbox' });
});
