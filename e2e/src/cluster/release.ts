import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { ALSO_ROUTES_OF, IMAGE, orMissing, type Cluster, type Values } from '@provider-access/cluster';
import { newSecret, newSigningKeys } from '../secrets.ts';
/** Our chart, installed like a payer's: namespace, Secrets and values of its own, the engines outside. */

const CHART = join(import.meta.dirname, '../../../charts/provider-access');
const RELEASE = 'pa';
/** Parts of the Secrets that a payer makes. */
const SECRETS = {
  platform: ['token-signing-keys.json', 'page-link.keys', 'member-hash.keys', 'administrator.tokens'],
  payer: ['payer.tokens'],
  bucket: ['access-key-id', 'secret-access-key'],
} as const;

/** Merges objects and replaces everything else. */
function merged(base: Values, ...over: readonly (Values | undefined)[]): Values {
  const isObject = (value: unknown): value is Values =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  return over.reduce<Values>(
    (to, from = {}) => ({
      ...to,
      ...Object.fromEntries(
        Object.entries(from).map(([key, value]) => [
          key,
          isObject(value) && isObject(to[key]) ? merged(to[key], value) : value,
        ]),
      ),
    }),
    base,
  );
}

export interface ReleaseOptions {
  readonly cluster: Cluster;
  /** Name of the namespace, the topics' prefix, the database and the hosts. Each name is a deployment. */
  readonly name: string;
  /** Values over those of every test. */
  readonly values?: Values;
  /** Public and internal routes under one host, for clients that know only one base. */
  readonly oneHost?: boolean;
  /** For engines other than those of the environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The chart that is installed. Default: this checkout's, which each upgrade uses. */
  readonly chart?: string;
}

export interface Release {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** Timeout of Helm. */
  readonly name: string;
  /** The base URL for providers, through the public ingress. */
  readonly base: string;
  /** The base URL of `/events` and `/ops`, through the internal ingress. */
  readonly internalBase: string;
  readonly payerToken: string;
  readonly administratorToken: string;
  /** The values of the last installation or upgrade. */
  values(): Values;
  install(values?: Values, flags?: readonly string[], timeout?: string): Promise<void>;
  /** @param values over those of the last time; @param cancel ends Helm like Ctrl-C */
  upgrade(values?: Values, flags?: readonly string[], cancel?: AbortSignal): Promise<void>;
  rollback(revision: number): Promise<void>;
  /** `helm test`. */
  test(): Promise<string>;
  uninstall(): Promise<void>;
  /** Its current pods, of one service or of all. */
  pods(component?: string): Promise<readonly V1Pod[]>;
  /** One of the Secrets that a payer makes: `platform`, `payer` or `bucket`. */
  makeSecret(name: keyof typeof SECRETS): Promise<void>;
  /** Ends pods at once, then deletes the namespace. */
  destroy(): Promise<void>;
}

const engine = (env: Readonly<Record<string, string | undefined>>, name: string): string => {
  const value = env[name];
  if (value === undefined) throw new Error(`${name} names no engine: this runs through \`tools/cluster/run\``);
  return value;
};

function usualValues(options: ReleaseOptions, hosts: { readonly public: string; readonly internal: string }): Values {
  const env = { ...process.env, ...options.env };
  const platform = { secretName: 'platform' };
  const annotations = {
    'nginx.ingress.kubernetes.io/proxy-body-size': '0',
    'nginx.ingress.kubernetes.io/proxy-read-timeout': '3600',
  };
  const ingress = (className: string, more: Values = {}): Values => ({
    enabled: true,
    className,
    annotations: { ...annotations, ...more },
    tls: { enabled: false },
  });
  const two = { replicas: 2 };
  const one = { replicas: 1 };
  return {
    image: IMAGE,
    // Only one spec ends TLS. Elsewhere links must be plain HTTP, so that a client can follow them.
    publicUrl: `http://${hosts.public}`,
    // A control plane and a dozen processes share two cores. So a group may need more than 5 s to rebalance when a pod
    // joins.
    config: { ALLOW_PLAIN_HTTP: true, KAFKA_SESSION_TIMEOUT_MS: 6000, FACTS_BOUND_MS: 20_000 },
    logLevel: 'warn',
    kafka: {
      brokers: engine(env, 'KAFKA_BROKERS').split(','),
      topicPrefix: `${options.name}.`,
      topics: { partitions: 4, replication: 1, minInsyncReplicas: 1 },
    },
    mongodb: { uri: engine(env, 'MONGODB_URI'), database: options.name.replaceAll('-', '_') },
    files: {
      store: 's3',
      s3: {
        bucket: engine(env, 'S3_BUCKET'),
        endpoint: engine(env, 'S3_ENDPOINT'),
        region: engine(env, 'S3_REGION'),
        pathStyle: true,
        prefix: options.name,
      },
    },
    secrets: {
      tokenSigningKeys: platform,
      pageLinkKeys: platform,
      memberHashKeys: platform,
      administratorTokens: platform,
      payerTokens: { secretName: 'payer' },
      s3Credentials: { secretName: 'bucket' },
    },
    services: { auth: one, attribution: one, consent: one, resources: two, export: two },
    ingress: ingress('public', options.oneHost === true ? { [ALSO_ROUTES_OF]: hosts.internal } : {}),
    internalIngress: { ...ingress('internal'), host: hosts.internal },
    networkPolicy: {
      fromIngressController: [
        { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } },
      ],
    },
  };
}

/** Makes the namespace and its Secrets; nothing is installed yet. */
export async function prepareRelease(options: ReleaseOptions): Promise<Release> {
  const { cluster, name: namespace } = options;
  const { api, helm } = cluster;
  const host = `${namespace}.example`;
  const internal = `${namespace}.internal.example`;
  const env = { ...process.env, ...options.env };
  const [payerToken, administratorToken] = [newSecret(), newSecret()];
  const contents: Readonly<Record<string, string>> = {
    'token-signing-keys.json': newSigningKeys(),
    'page-link.keys': newSecret(),
    'member-hash.keys': newSecret(),
    'administrator.tokens': administratorToken,
    'payer.tokens': payerToken,
    'access-key-id': env.AWS_ACCESS_KEY_ID ?? '',
    'secret-access-key': env.AWS_SECRET_ACCESS_KEY ?? '',
  };
  const makeSecret: Release['makeSecret'] = async (name) => {
    await api.core.createNamespacedSecret({
      namespace,
      body: { metadata: { name }, stringData: Object.fromEntries(SECRETS[name].map((key) => [key, contents[key]!])) },
    });
  };
  await cluster.createNamespace(namespace);
  await Promise.all((Object.keys(SECRETS) as (keyof typeof SECRETS)[]).map(makeSecret));
  let values = merged(usualValues(options, { public: host, internal }), options.values);
  /** The failure, with what a person would check next. */
  const explained = async <T>(what: Promise<T>): Promise<T> =>
    what.catch(async (error: unknown) => {
      throw new Error(
        `${error instanceof Error ? error.message : String(error)}\n${await cluster.describe(namespace)}`,
        { cause: error },
      );
    });
  return {
    cluster,
    namespace,
    name: RELEASE,
    payerToken,
    administratorToken,
    base: String(values.publicUrl),
    internalBase: `http://${internal}`,
    values: () => values,
    async install(over, flags, timeout = '4m') {
      values = merged(values, over);
      await explained(helm.install(RELEASE, options.chart ?? CHART, { namespace, values, flags }, timeout));
    },
    async upgrade(over, flags, cancel) {
      values = merged(values, over);
      await explained(helm.upgrade(RELEASE, CHART, { namespace, values, flags, cancel }, '10m'));
    },
    async rollback(revision) {
      await explained(helm.rollback(RELEASE, revision, { namespace }, '4m'));
    },
    test: () => explained(helm.test(RELEASE, { namespace })),
    async uninstall() {
      await explained(helm.uninstall(RELEASE, { namespace }));
    },
    async pods(component) {
      const labelSelector = component === undefined ? undefined : `app.kubernetes.io/component=${component}`;
      return (await api.core.listNamespacedPod({ namespace, labelSelector })).items;
    },
    makeSecret,
    async destroy() {
      await orMissing(api.core.deleteNamespace({ name: namespace }));
      await api.core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 });
    },
  };
}

/** A short name for the namespace, the topic prefix and the database; each folder has its own. */
export const nameFor = (folder: string): string =>
  `pa-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}`;
