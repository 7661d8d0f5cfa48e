import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { describeUnless } from '../describe-unless.ts';
import { argumentsOfPa, environments, type ContainerEnvironment } from './environment.ts';
import { EXAMPLE_NAMES, exampleValues, rendered } from './examples.ts';
import { noHelm } from '@provider-access/cluster/programs';
import { objectsOf, render, template, type KubernetesObject } from './helm.ts';
import { CHART, configuration, ROOT, SERVICES } from './paths.ts';

const KNOWN = configuration();
/** The AWS SDK reads it. */
const AWS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
/** Read by Node. */
const OF_NODE = ['NODE_EXTRA_CA_CERTS'];
/** `pa probe --help` names them. */
const OF_PA = [
  'PA_SERVER',
  'PA_INTERNAL_SERVER',
  'PA_OPS_SERVER',
  'PA_PAYER_TOKEN_FILE',
  'PA_ADMINISTRATOR_TOKEN_FILE',
  'PA_PROBE_APP',
];
/** A variable of the operator, in the example `everything`. */
const OWN = ['HTTPS_PROXY'];
const owned = parse(readFileSync(join(CHART, 'files/owned.yaml'), 'utf8')) as {
  always: Record<string, string>;
  typed: Record<string, string>;
};

const knownTo = (role: string): readonly string[] => [
  ...OF_NODE,
  ...(role === 'pa' ? OF_PA : KNOWN[role]!.map(({ name }) => name)),
  ...(role === 'export' || role === 'resources' ? AWS : []),
];
const environmentsOf = (name: string): readonly ContainerEnvironment[] => environments(objectsOfExample(name));
const parsed = new Map<string, readonly KubernetesObject[]>();
function objectsOfExample(name: string): readonly KubernetesObject[] {
  const objects = parsed.get(name) ?? objectsOf(rendered(name));
  parsed.set(name, objects);
  return objects;
}

describeUnless(noHelm, 'environment of the containers', () => {
  describe.each(EXAMPLE_NAMES)('the example %s', (name) => {
    test('gives no variable that the configuration of its receiver does not know', () => {
      const all = environmentsOf(name);
      expect(new Set(all.map(({ role }) => role))).toEqual(new Set([...SERVICES, 'admin', 'pa']));
      for (const { role, variables } of all)
        expect(
          [...variables.keys()].filter((each) => !knownTo(role).includes(each) && !OWN.includes(each)),
          role,
        ).toEqual([]);
    });

    test('gives each what it must have', () => {
      for (const { role, variables } of environmentsOf(name)) {
        const required = (KNOWN[role] ?? []).filter((variable) => variable.required).map((variable) => variable.name);
        expect(
          required.filter((each) => !variables.has(each)),
          role,
        ).toEqual([]);
        expect(
          [...variables].filter(([, value]) => value === ''),
          role,
        ).toEqual([]);
      }
    });

    test('gives a secret to nobody who does not use it, and no secret as a value', () => {
      const holders = (variable: string): string[] => [
        ...new Set(
          environmentsOf(name)
            .filter(({ variables }) => variables.has(variable))
            .map(({ role }) => role),
        ),
      ];
      expect(holders('TOKEN_SIGNING_KEYS_FILE')).toEqual(['auth']);
      expect(holders('PAGE_LINK_KEYS_FILE')).toEqual(['resources']);
      expect(holders('MEMBER_HASH_KEYS_FILE').toSorted()).toEqual(['attribution', 'consent']);
      expect(holders('PAYER_TOKENS_FILE')).toEqual(['resources']);
      expect(objectsOfExample(name).filter(({ kind }) => kind === 'Secret')).toEqual([]);
    });
  });

  test.each([
    ['ReadWriteMany', undefined, ['export', 'resources']],
    ['ReadWriteOnce', 'inline', ['export']],
  ])('keeps attachments where several pods can write: %s', async (accessMode, attachments, mounting) => {
    const objects = await render([
      exampleValues('gateway'),
      { files: { fs: { accessMode } }, services: { export: { replicas: 1 } } },
    ]);
    const resources = environments(objects).find(({ role }) => role === 'resources')!;
    expect(resources.variables.get('ATTACHMENTS')).toBe(attachments);
    const claims = objects
      .filter(({ kind }) => kind === 'Deployment')
      .filter((one) => JSON.stringify(one).includes('claimName'));
    expect(claims.map(({ metadata }) => metadata.name.split('-').at(-1)).toSorted()).toEqual(mounting);
  });

  describe('the other way round', () => {
    const services = (objects: readonly KubernetesObject[]): Map<string, ContainerEnvironment['variables']> =>
      new Map(environments(objects).map(({ role, variables }) => [role, variables]));
    /** Variables of each service that no example sets. Three examples, because some settings contradict each other. */
    let left: ReadonlyMap<string, readonly string[]>;
    let again: ReturnType<typeof services>;
    beforeAll(async () => {
      const oauth = await render([
        exampleValues('everything'),
        {
          kafka: { sasl: { mechanism: 'oauthbearer', username: '' } },
          secrets: { kafkaPassword: { secretName: '' }, kafkaOauthToken: { secretName: 't' } },
          telemetry: { disabled: true },
          sandbox: { enabled: true },
        },
      ]);
      const set = [...['everything', 'small', 'gateway'].map(objectsOfExample), oauth].map(services);
      left = new Map(
        SERVICES.map((service) => [
          service,
          KNOWN[service]!.map(({ name }) => name).filter((name) => !set.some((each) => each.get(service)?.has(name))),
        ]),
      );
      again = services(
        await render([
          exampleValues('everything'),
          {
            services: Object.fromEntries(
              [...left].map(([service, names]) => [
                service,
                { config: Object.fromEntries(names.map((name) => [name, '1'])) },
              ]),
            ),
          },
        ]),
      );
    });
    test.each(SERVICES)('every variable of %s can be set', (service) => {
      // `config` sets what has no value of its own.
      expect(left.get(service)!.filter((name) => name in owned.always || name in owned.typed)).toEqual([]);
      expect(left.get(service)!.filter((name) => again.get(service)!.get(name) !== '1')).toEqual([]);
    });

    test('every variable of the job can be set', async () => {
      const all = environments(
        await render([
          exampleValues('everything'),
          {
            admin: {
              config: Object.fromEntries(
                KNOWN['admin']!.map(({ name }) => name)
                  .filter((name) => !(name in owned.always) && !(name in owned.typed))
                  .map((name) => [name, '1']),
              ),
            },
          },
        ]),
      ).filter(({ role }) => role === 'admin');
      expect(all).toHaveLength(3);
      const set = all.map(({ variables }) => variables);
      const files = new Set(['KAFKA_SASL_OAUTH_TOKEN_FILE', 'MONGODB_URI']);
      for (const variables of set)
        expect(
          KNOWN['admin']!.map(({ name }) => name).filter((name) => !variables.has(name) && !files.has(name)),
        ).toEqual([]);
    });

    test('each value of its own belongs to a variable that exists', () => {
      const all = new Set([...SERVICES, 'admin'].flatMap((role) => KNOWN[role]!.map(({ name }) => name)));
      // Service levels come with a later version of the services.
      expect(
        Object.keys({ ...owned.always, ...owned.typed }).filter(
          (name) => !all.has(name) && !name.startsWith('BUSINESS_'),
        ),
      ).toEqual([]);
    });
  });

  test('the variables and arguments of the probe are those that pa knows', () => {
    const help = ['--help', 'probe --help']
      .map(
        (args) =>
          spawnSync(process.execPath, [join(ROOT, 'tools/cli/dist/main.js'), ...args.split(' ')], { encoding: 'utf8' })
            .stdout,
      )
      .join('\n');
    expect(OF_PA.filter((name) => !help.includes(name))).toEqual([]);
    const given = EXAMPLE_NAMES.flatMap((name) => objectsOfExample(name).flatMap(argumentsOfPa));
    expect(new Set(given)).toEqual(new Set(['--temporary', '--report', '--publish', '--opt-out']));
    expect(given.filter((argument) => !help.includes(`${argument} `))).toEqual([]);
  });

  describe('an empty value', () => {
    const EMPTY = {
      trustedProxies: '',
      payer: { name: '' },
      kafka: { topicPrefix: '' },
      telemetry: { samplingRatio: '', endpoint: null },
      config: { FACTS_BOUND_MS: '' },
      logLevel: null,
    };
    test('is not rendered, and so overrides nothing that was set elsewhere', async () => {
      const { text, ok } = await template([
        exampleValues('small'),
        EMPTY,
        { extraEnvFrom: [{ configMapRef: { name: 'of-the-operator' } }] },
      ]);
      expect(ok).toBe(true);
      for (const { variables, role } of environments(objectsOf(text))) {
        for (const name of [
          'TRUST_PROXY',
          'PAYER_NAME',
          'KAFKA_TOPIC_PREFIX',
          'OTEL_TRACES_SAMPLER_ARG',
          'OTEL_EXPORTER_OTLP_ENDPOINT',
          'FACTS_BOUND_MS',
          'LOG_LEVEL',
        ])
          expect(variables.has(name), `${role} ${name}`).toBe(false);
      }
      // Of two sources the last one wins, which is the operator's.
      expect(text).toMatch(
        /envFrom:\n +- configMapRef: \{ name: provider-access-auth \}\n +- configMapRef:\n +name: of-the-operator\n/,
      );
    });

    test('of one service leaves what holds for all', async () => {
      const all = environments(
        await render([
          exampleValues('small'),
          { config: { FACTS_BOUND_MS: 3000 }, services: { consent: { config: { FACTS_BOUND_MS: '' } } } },
        ]),
      );
      expect(all.find(({ role }) => role === 'resources')!.variables.get('FACTS_BOUND_MS')).toBe('3000');
      expect(all.find(({ role }) => role === 'consent')!.variables.get('FACTS_BOUND_MS')).toBe('3000');
    });
  });

  test('whole numbers stay whole numbers', async () => {
    const all = environments(
      await render([
        exampleValues('small'),
        {
          config: { S3_PART_BYTES: 5_368_709_120, KAFKA_MAX_RECORD_BYTES: 6_291_456 },
          telemetry: { samplingRatio: 0.05 },
        },
      ]),
    );
    const { variables } = all.find(({ role }) => role === 'export')!;
    expect([
      variables.get('S3_PART_BYTES'),
      variables.get('KAFKA_MAX_RECORD_BYTES'),
      variables.get('OTEL_TRACES_SAMPLER_ARG'),
    ]).toEqual(['5368709120', '6291456', '0.05']);
  });
});
