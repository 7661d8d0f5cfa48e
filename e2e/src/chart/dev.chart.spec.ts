import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { noHelm } from '@provider-access/cluster/programs';
import { objectsOf, render } from './helm.ts';
import { ROOT } from './paths.ts';

const DEV = join(ROOT, 'charts/examples/dev');
const manifest = (name: string): string => readFileSync(join(DEV, name), 'utf8');

describeUnless(noHelm, 'the chart on engines for a laptop', () => {
  test('the chart looks for the engines where they are', async () => {
    const engines = [...objectsOf(manifest('kafka.yaml')), ...objectsOf(manifest('mongodb.yaml'))];
    const named = (kind: string): string[] =>
      engines.filter((each) => each.kind === kind).map(({ metadata }) => metadata.name);
    const objects = await render([join(DEV, 'values.yaml')]);
    const environment = objects.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('-export'),
    )!['data'] as Record<string, string>;
    expect(environment['KAFKA_BROKERS']).toBe(`${named('StatefulSet')[0]}-0.${named('Service')[0]}:9092`);
    expect(environment['MONGODB_URI']).toContain(`//${named('StatefulSet')[1]}-0.${named('Service')[1]}:27017/`);
    const deployment = objects.find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name.endsWith('-export'),
    )!;
    expect(JSON.stringify(deployment)).toContain(`"claimName":"${named('PersistentVolumeClaim')[0]}"`);
    expect((deployment['spec'] as { strategy: object }).strategy).toEqual({ type: 'Recreate' });
  });

  test('the images are those that the tests of the engines have', () => {
    const compose = readFileSync(join(ROOT, 'e2e/engines/compose.yaml'), 'utf8');
    for (const name of ['kafka.yaml', 'mongodb.yaml'])
      for (const [, image] of manifest(name).matchAll(/image: (\S+)/g)) expect(compose).toContain(`image: ${image}`);
  });
});
