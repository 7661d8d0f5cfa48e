import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CHART, configuration, SERVICES } from './paths.ts';
import { valueRows } from './values.ts';

/**
 * Writes `values.schema.json`. Every map is closed, and every description comes from values.yaml. The schema has types,
 * ranges and closed sets. Faults that need a sentence (forms of URLs, contradictions) are in templates/_validate.tpl.
 */
type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: ['string', 'null'] };
const number = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
const flag: Schema = { type: 'boolean' };
const oneOf = (...values: string[]): Schema => ({ enum: values });
const list = (items: Schema): Schema => ({ type: ['array', 'null'], items });
const texts = list({ type: 'string' });
/** At least one, because a rule without ports opens all of them. */
const ports: Schema = { type: 'array', minItems: 1, items: number(1, 65_535) };
/** In the form of Kubernetes; the API server checks it. */
const foreign: Schema = { type: ['object', 'null'] };
const foreigners = list({ type: 'object' });
const strings: Schema = { type: ['object', 'null'], additionalProperties: { type: 'string' } };

/**
 * A closed map. A map, a flag or a number must be present, so that a value that null removes is reported by its name.
 */
function map(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.entries(properties)
    .filter(
      ([name, { type }]) => !optional.includes(name) && (type === 'object' || type === 'boolean' || type === 'integer'),
    )
    .map(([name]) => name);
  return { type: 'object', additionalProperties: false, ...(required.length > 0 && { required }), properties };
}

const resources: Schema = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: { requests: foreign, limits: foreign, claims: foreigners },
};
const pods = {
  labels: strings,
  annotations: strings,
  nodeSelector: strings,
  tolerations: foreigners,
  affinity: foreign,
  priorityClassName: text,
  spreadOverZones: oneOf('', 'ScheduleAnyway', 'DoNotSchedule'),
  spreadOverNodes: oneOf('', 'ScheduleAnyway', 'DoNotSchedule'),
  preStopSleepSeconds: number(0, 120),
};
const serviceAccount = map({ create: flag, name: text, annotations: strings });

/** A reference to a Secret. The schema accepts a string, because the templates explain that secrets are references. */
const reference = (...keys: string[]): Schema => ({
  type: ['object', 'string'],
  additionalProperties: false,
  properties: { secretName: text, ...Object.fromEntries(keys.map((key) => [key, text])), value: { deprecated: true } },
});
const secrets = {
  ...Object.fromEntries(
    [
      'tokenSigningKeys',
      'pageLinkKeys',
      'memberHashKeys',
      'administratorTokens',
      'payerTokens',
      'memberPortalTokens',
      'memberPortalKeys',
      'oidcClientSecret',
      'kafkaPassword',
      'kafkaOauthToken',
      'mongodbUri',
      'mongodbClientCertificate',
      'otlpHeaders',
    ].map((name) => [name, reference('key')]),
  ),
  kafkaCa: reference('key', 'configMapName'),
  mongodbCa: reference('key', 'configMapName'),
  caBundle: reference('key', 'configMapName'),
  kafkaClientCertificate: reference('key', 'privateKeyKey'),
  s3Credentials: reference('accessKeyIdKey', 'secretAccessKeyKey'),
};
/** The same for one component: all of it is optional. */
const optional = (properties: Readonly<Record<string, Schema>>): Schema => map(properties, Object.keys(properties));
const DEFS = {
  scalar: { type: ['string', 'number', 'boolean', 'null'] },
  secrets: optional(secrets),
  pods: optional(pods),
};
const ownSecrets: Schema = { $ref: '#/$defs/secrets', type: 'object' };
const ownPods: Schema = { $ref: '#/$defs/pods', type: 'object' };

const scalar: Schema = { $ref: '#/$defs/scalar' };
/** Variables by name: those that a component knows. docs/configuration.md describes each. */
const variables = (...components: string[]): Schema => {
  const known = new Set(components.flatMap((component) => configuration()[component]!.map(({ name }) => name)));
  return {
    type: ['object', 'null'],
    additionalProperties: false,
    properties: Object.fromEntries([...known].map((name) => [name, scalar])),
  };
};

const service = (name: (typeof SERVICES)[number]): Schema =>
  map({
    replicas: number(1, 1000),
    resources,
    autoscaling: map({
      enabled: flag,
      engine: oneOf('hpa', 'keda'),
      minReplicas: number(1, 1000),
      maxReplicas: number(1, 1000),
      cpuPercent: number(0, 1000),
      ...(['attribution', 'consent', 'resources'].includes(name) && { lagRecords: number(0, 1_000_000_000) }),
      ...(name === 'export' && { queuedChunks: number(0, 1_000_000), prometheusAddress: text }),
    }),
    pdb: map({ enabled: flag, maxUnavailable: { type: ['integer', 'string'] } }),
    config: variables(name),
    secrets: ownSecrets,
    serviceAccount,
    stopTimeoutSeconds: number(1, 600),
    pods: ownPods,
  });

const tls = map({ enabled: flag, secretName: text });
const monitor = map({ enabled: flag, labels: strings, interval: text });

const root = map({
  nameOverride: text,
  fullnameOverride: text,
  image: map({
    repository: text,
    tag: text,
    digest: text,
    pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
    pullSecrets: texts,
  }),
  publicUrl: text,
  trustedProxies: { type: ['string', 'integer', 'null'] },
  logLevel: oneOf('debug', 'info', 'warn', 'error', 'silent'),
  logFormat: oneOf('json', 'text'),
  payer: map({ organization: text, name: text }),
  kafka: map({
    brokers: texts,
    clientId: text,
    topicPrefix: text,
    groupPrefix: text,
    tls: map({ enabled: flag }),
    sasl: map({ mechanism: oneOf('', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'), username: text }),
    topics: map({
      partitions: number(1, 10_000),
      replication: number(1, 100),
      minInsyncReplicas: number(1, 100),
      payerRetentionDays: number(1, 36_500),
      versionRetentionDays: number(366, 36_500),
    }),
  }),
  mongodb: map({ uri: text, database: text, tls: map({ enabled: flag }) }),
  files: map({
    store: oneOf('s3', 'fs'),
    s3: map({
      bucket: text,
      prefix: text,
      region: text,
      endpoint: text,
      pathStyle: flag,
      serverSideEncryption: oneOf('', 'AES256', 'aws:kms'),
      kmsKeyId: text,
    }),
    fs: map({ claimName: text, accessMode: oneOf('ReadWriteMany', 'ReadWriteOnce') }),
  }),
  secrets: map(secrets),
  config: variables(...SERVICES, 'admin'),
  extraEnv: foreigners,
  extraEnvFrom: foreigners,
  services: map(Object.fromEntries(SERVICES.map((name) => [name, service(name)]))),
  pods: map(pods),
  admin: map({
    enabled: flag,
    resources,
    backoffLimit: number(0, 100),
    activeDeadlineSeconds: number(10, 86_400),
    config: variables('admin'),
    secrets: ownSecrets,
    serviceAccount,
    pods: ownPods,
  }),
  ingress: map({ enabled: flag, className: text, annotations: strings, exportPaths: texts, tls }),
  internalIngress: map({ enabled: flag, host: text, className: text, annotations: strings, tls }),
  gateway: map({
    enabled: flag,
    exportPaths: texts,
    parentRefs: foreigners,
    timeouts: foreign,
    annotations: strings,
    internal: map({ enabled: flag, host: text, parentRefs: foreigners }),
  }),
  networkPolicy: map({
    enabled: flag,
    fromIngressController: foreigners,
    fromPrometheus: foreigners,
    toKafka: foreigners,
    kafkaPorts: list(number(1, 65_535)),
    dnsPorts: ports,
    toMongodb: foreigners,
    mongodbPorts: ports,
    toObjectStore: foreigners,
    objectStorePorts: ports,
    toCollector: foreigners,
    toDns: foreigners,
    toJwks: foreigners,
    extraIngress: foreigners,
    extraEgress: foreigners,
  }),
  telemetry: map({
    disabled: flag,
    endpoint: text,
    trustTraceparent: flag,
    samplingRatio: { type: ['number', 'string', 'null'] },
    resourceAttributes: strings,
    metricIntervalMs: { type: ['integer', 'string', 'null'] },
    requestLog: flag,
    metrics: flag,
  }),
  serviceLevels: map({
    timeZone: text,
    businessDays: list(oneOf('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')),
    holidays: texts,
  }),
  monitoring: map({
    serviceMonitor: monitor,
    podMonitor: monitor,
    rules: map({ enabled: flag, labels: strings, runbookBaseUrl: text }),
    dashboards: map({ enabled: flag, labels: strings, annotations: strings }),
  }),
  probe: map({
    server: text,
    internalServer: text,
    resources,
    cronJob: map({ enabled: flag, schedule: text, secretName: text, args: texts }),
    pods: ownPods,
  }),
  sandbox: map({
    enabled: flag,
    members: number(20, 100_000),
    eventsPerMinute: number(0, 6000),
    resources,
    pods: ownPods,
  }),
});

type Tree = { properties?: Record<string, Tree>; description?: string; deprecated?: boolean };
/** The part of a schema at a path. The parts in between must exist. */
const part = (tree: Tree, path: readonly string[]): Tree | undefined =>
  path.reduce<Tree | undefined>((t, key) => t?.properties?.[key], tree);

interface Refusals {
  readonly secrets: Readonly<Record<string, string>>;
  readonly renamed: Readonly<Record<string, string>>;
}
export const refusals = (): Refusals => parse(readFileSync(join(CHART, 'files/refusals.yaml'), 'utf8')) as Refusals;

export function valuesSchema(): string {
  const tree = structuredClone(root) as Tree;
  const { secrets: literal, renamed } = refusals();
  for (const [path, instead] of Object.entries({ ...literal, ...renamed })) {
    const keys = path.split('.');
    const parent = part(tree, keys.slice(0, -1))?.properties;
    if (parent === undefined || parent[keys.at(-1)!] !== undefined)
      throw new Error(`files/refusals.yaml: ${path} is a key that exists, or lies in none that does`);
    parent[keys.at(-1)!] = { deprecated: true, description: `Not known here: ${instead}` };
  }
  for (const { path, description } of valueRows()) {
    const found = part(tree, path.split('.'));
    if (found === undefined) throw new Error(`values.yaml has ${path}, the schema has not`);
    found.description = description;
  }
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  return `${JSON.stringify({ $schema, title: 'Values of provider-access', ...tree, $defs: DEFS }, undefined, 1)}\n`;
}
