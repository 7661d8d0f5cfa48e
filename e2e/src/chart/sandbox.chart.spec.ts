import { expect, test } from 'vitest';
import { noHelm } from '@provider-access/cluster/programs';
import { describeUnless } from '../describe-unless.ts';
import { environments } from './environment.ts';
import { exampleValues } from './examples.ts';
import { render } from './helm.ts';
import { SERVICES } from './paths.ts';

describeUnless(noHelm, 'a sandbox in a cluster', () => {
  test('tells every service that it is one, and has one pod that publishes and approves', async () => {
    const objects = await render([exampleValues('small'), { sandbox: { enabled: true, members: 50 } }]);
    const all = environments(objects);
    for (const service of SERVICES)
      expect(all.find(({ role }) => role === service)!.variables.get('SANDBOX'), service).toBe('true');
    const pods = objects.filter(({ metadata, kind }) => kind === 'Deployment' && metadata.name.endsWith('-sandbox'));
    expect(pods).toHaveLength(1);
    expect(pods[0]!['spec']).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(Object.fromEntries(all.find(({ role }) => role === 'sandbox')!.variables)).toMatchObject({
      SANDBOX_PAYER_URL: 'http://provider-access-resources:8080',
      SANDBOX_AUTH_URL: 'http://provider-access-auth:8080',
      SANDBOX_MEMBERS: '50',
      SANDBOX_EVENTS_PER_MINUTE: '6',
      PAYER_TOKENS_FILE: '/etc/provider-access/payer.tokens',
      ADMINISTRATOR_TOKENS_FILE: '/etc/provider-access/administrator.tokens',
    });
  });

  test('lets that pod reach resources and auth, and nothing else of the release', async () => {
    const objects = await render([
      exampleValues('small'),
      { sandbox: { enabled: true }, networkPolicy: { enabled: true } },
    ]);
    const text = (name: string): string =>
      JSON.stringify(objects.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === name)!['spec']);
    const component = (name: string): string => `"app.kubernetes.io/component":"${name}"`;
    const reached = SERVICES.filter((service) => text('provider-access-sandbox').includes(component(service)));
    expect(reached).toEqual(['auth', 'resources']);
    const open = SERVICES.filter((service) => text(`provider-access-${service}`).includes(component('sandbox')));
    expect(open).toEqual(['auth', 'resources']);
  });

  test('is nowhere by default', async () => {
    const objects = await render([exampleValues('small')]);
    expect(JSON.stringify(objects).toLowerCase()).not.toContain('sandbox');
  });
});
