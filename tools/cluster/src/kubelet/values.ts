import type { V1Container, V1EnvVar, V1Pod } from '@kubernetes/client-node';
import { orMissing, type Api } from '../api.ts';
import { NODE_ADDRESS } from '../namespace.ts';

/** A pod names something that is missing or unknown. A kubelet reports CreateContainerConfigError. */
export class ConfigError extends Error {}

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};
/** `512Mi`, `250m`, `2`. */
export function quantity(text: string): number {
  const [, number, unit] = /^([0-9.]+)([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = BYTES[unit ?? 'none'];
  if (factor === undefined) throw new Error(`${text} is no quantity`);
  return Number(number) * factor;
}

/** Replaces `$(NAME)` if NAME is known; `$$(NAME)` stays as `$(NAME)`. */
export const expand = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replace(/\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );

/** @param path as the downward API has it, e.g. `metadata.labels['app']` */
export function field(pod: V1Pod, path: string, address: string): string {
  const [, map, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (map !== undefined) return pod.metadata?.[map as 'labels' | 'annotations']?.[key!] ?? '';
  const known: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.metadata?.name,
    'metadata.namespace': pod.metadata?.namespace,
    'metadata.uid': pod.metadata?.uid,
    'spec.nodeName': pod.spec?.nodeName,
    'spec.serviceAccountName': pod.spec?.serviceAccountName,
    'status.podIP': address,
    'status.podIPs': address,
    'status.hostIP': NODE_ADDRESS,
    'status.hostIPs': NODE_ADDRESS,
  };
  const value = known[path];
  if (value === undefined) throw new ConfigError(`field ${path} is not known to this kubelet`);
  return value;
}

export function resource(container: V1Container, name: string, divisor: string | undefined): string {
  const [kind, of] = name.split('.') as ['limits' | 'requests', string];
  const set = container.resources?.[kind]?.[of];
  // Without a limit, a kubelet gives the node's capacity.
  const value = set === undefined ? (of === 'memory' ? 64 * 2 ** 30 : 32) : quantity(set);
  return String(Math.ceil(value / quantity(divisor ?? '1')));
}

/** The data of a Secret or ConfigMap; undefined if it is optional and missing. @throws ConfigError */
export async function dataOf(
  api: Api,
  kind: 'secret' | 'configmap',
  namespace: string,
  name: string,
  optional = false,
): Promise<Readonly<Record<string, Buffer>> | undefined> {
  const found = await orMissing<{ data?: Record<string, string>; binaryData?: Record<string, string> }>(
    kind === 'secret'
      ? api.core.readNamespacedSecret({ name, namespace })
      : api.core.readNamespacedConfigMap({ name, namespace }),
  );
  if (found === undefined) {
    if (optional) return undefined;
    throw new ConfigError(`${kind} "${name}" not found`);
  }
  const entries = Object.entries(found.data ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, kind === 'secret' ? 'base64' : 'utf8')] as const,
  );
  return Object.fromEntries([
    ...entries,
    ...Object.entries(found.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ]);
}

async function one(
  api: Api,
  pod: V1Pod,
  container: V1Container,
  env: V1EnvVar,
  address: string,
): Promise<string | undefined> {
  const from = env.valueFrom!;
  if (from.fieldRef) return field(pod, from.fieldRef.fieldPath, address);
  if (from.resourceFieldRef) return resource(container, from.resourceFieldRef.resource, from.resourceFieldRef.divisor);
  const reference = from.secretKeyRef ?? from.configMapKeyRef;
  if (reference === undefined)
    throw new ConfigError(`environment variable ${env.name} has a source that this kubelet does not know`);
  const data = await dataOf(
    api,
    from.secretKeyRef ? 'secret' : 'configmap',
    pod.metadata!.namespace!,
    reference.name ?? '',
    reference.optional,
  );
  const value = data?.[reference.key];
  if (value === undefined && data !== undefined && reference.optional !== true)
    throw new ConfigError(`couldn't find key ${reference.key} in ${reference.name}`);
  return value?.toString('utf8');
}

/**
 * The variables of a container beside those of its image: the pod's, and those that a kubelet adds. @throws ConfigError
 */
export async function environmentOf(
  api: Api,
  pod: V1Pod,
  container: V1Container,
  address: string,
): Promise<Record<string, string>> {
  const namespace = pod.metadata!.namespace!;
  const env: Record<string, string> = {
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    ...(pod.spec!.enableServiceLinks === false ? {} : await serviceLinks(api, namespace)),
  };
  for (const { configMapRef, secretRef, prefix } of container.envFrom ?? []) {
    const reference = configMapRef ?? secretRef;
    const data = await dataOf(
      api,
      secretRef ? 'secret' : 'configmap',
      namespace,
      reference?.name ?? '',
      reference?.optional,
    );
    for (const [key, value] of Object.entries(data ?? {})) env[`${prefix ?? ''}${key}`] = value.toString('utf8');
  }
  for (const variable of container.env ?? []) {
    const value =
      variable.valueFrom === undefined
        ? expand(variable.value ?? '', env)
        : await one(api, pod, container, variable, address);
    if (value !== undefined) env[variable.name] = value;
  }
  return env;
}

/** Docker's old links, which a pod gets unless it refuses them: a Service `kafka` sets KAFKA_PORT. */
async function serviceLinks(api: Api, namespace: string): Promise<Record<string, string>> {
  const services = (await api.core.listNamespacedService({ namespace })).items.filter(
    ({ spec }) => spec?.clusterIP !== undefined && spec.clusterIP !== 'None',
  );
  return Object.fromEntries(
    services.flatMap(({ metadata, spec }) => {
      const name = metadata!.name!.toUpperCase().replaceAll('-', '_');
      const port = String(spec!.ports?.[0]?.port ?? '');
      return [
        [`${name}_SERVICE_HOST`, spec!.clusterIP!],
        [`${name}_SERVICE_PORT`, port],
        [`${name}_PORT`, `tcp://${spec!.clusterIP}:${port}`],
      ];
    }),
  );
}
