import type { KubernetesObject } from './helm.ts';

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: readonly { name: string; value?: string }[];
  readonly envFrom?: readonly { configMapRef?: { name: string; optional?: boolean } }[];
}
interface PodSpec {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}
const podOf = (object: KubernetesObject): PodSpec | undefined => {
  if (object.kind === 'Pod') return object['spec'] as PodSpec;
  const spec = object['spec'] as
    { template?: { spec: PodSpec }; jobTemplate?: { spec: { template: { spec: PodSpec } } } } | undefined;
  return spec?.jobTemplate?.spec.template.spec ?? spec?.template?.spec;
};

/**
 * The environment of one container: its role (the first argument) and every variable that the chart sets, also from
 * ConfigMaps.
 */
export interface ContainerEnvironment {
  readonly role: string;
  readonly variables: ReadonlyMap<string, string | undefined>;
}

const containersOf = (object: KubernetesObject): readonly Container[] => {
  const pod = podOf(object);
  return [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];
};

/** The arguments of `pa probe`. */
export const argumentsOfPa = (object: KubernetesObject): readonly string[] =>
  containersOf(object)
    .filter(({ args }) => args[0] === 'pa')
    .flatMap(({ args }) => args.slice(2));

export function environments(objects: readonly KubernetesObject[]): readonly ContainerEnvironment[] {
  const maps = new Map(
    objects
      .filter(({ kind }) => kind === 'ConfigMap')
      .map((object) => [object.metadata.name, object['data'] as Record<string, string>]),
  );
  return objects.flatMap((object) =>
    containersOf(object).map(({ args, env = [], envFrom = [] }) => ({
      role: args[0]!,
      variables: new Map<string, string | undefined>([
        ...envFrom.flatMap(({ configMapRef }) => Object.entries(maps.get(configMapRef?.name ?? '') ?? {})),
        ...env.map(({ name, value }): [string, string | undefined] => [name, value]),
      ]),
    })),
  );
}
