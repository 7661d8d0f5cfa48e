import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { V1Container, V1KeyToPath, V1Pod, V1Volume } from '@kubernetes/client-node';
import type { Api } from '../api.ts';
import type { Mount } from './rootfs.ts';
import { ConfigError, dataOf, expand, field } from './values.ts';

interface Entry {
  readonly path: string;
  readonly data: Buffer;
  readonly mode: number;
}

const entries = (
  data: Readonly<Record<string, Buffer>>,
  items: readonly V1KeyToPath[] | undefined,
  mode: number,
  of: string,
): Entry[] =>
  (items ?? Object.keys(data).map((key): V1KeyToPath => ({ key, path: key }))).map((item) => {
    const value = data[item.key];
    if (value === undefined) throw new ConfigError(`references non-existent ${of} key: ${item.key}`);
    return { path: item.path, data: value, mode: item.mode ?? mode };
  });

async function filesOf(api: Api, pod: V1Pod, volume: V1Volume, address: string): Promise<Entry[]> {
  const namespace = pod.metadata!.namespace!;
  const referenced = async (
    kind: 'secret' | 'configmap',
    name: string | undefined,
    items: readonly V1KeyToPath[] | undefined,
    mode: number,
    optional: boolean | undefined,
  ): Promise<Entry[]> => {
    const data = await dataOf(api, kind, namespace, name ?? '', optional);
    return data === undefined ? [] : entries(data, items, mode, kind === 'secret' ? 'secret' : 'config');
  };
  const { secret, configMap, projected, downwardAPI } = volume;
  if (secret)
    return referenced('secret', secret.secretName, secret.items, secret.defaultMode ?? 0o644, secret.optional);
  if (configMap)
    return referenced('configmap', configMap.name, configMap.items, configMap.defaultMode ?? 0o644, configMap.optional);
  const described = (items: NonNullable<typeof downwardAPI>['items'], mode: number): Entry[] =>
    (items ?? []).map((item) => ({
      path: item.path,
      data: Buffer.from(item.fieldRef === undefined ? '' : field(pod, item.fieldRef.fieldPath, address)),
      mode: item.mode ?? mode,
    }));
  if (downwardAPI) return described(downwardAPI.items, downwardAPI.defaultMode ?? 0o644);
  if (projected === undefined)
    throw new ConfigError(`volume ${volume.name} is of a kind that this kubelet does not know`);
  const mode = projected.defaultMode ?? 0o644;
  const parts = await Promise.all(
    (projected.sources ?? []).map(async (source): Promise<Entry[]> => {
      if (source.secret)
        return referenced('secret', source.secret.name, source.secret.items, mode, source.secret.optional);
      if (source.configMap)
        return referenced('configmap', source.configMap.name, source.configMap.items, mode, source.configMap.optional);
      if (source.downwardAPI) return described(source.downwardAPI.items, mode);
      if (source.serviceAccountToken === undefined)
        throw new ConfigError(`volume ${volume.name} projects what this kubelet does not know`);
      const { audience, expirationSeconds, path } = source.serviceAccountToken;
      const asked = await api.core.createNamespacedServiceAccountToken({
        name: pod.spec!.serviceAccountName ?? 'default',
        namespace,
        body: { spec: { audiences: audience === undefined ? [] : [audience], expirationSeconds } },
      });
      return [{ path, data: Buffer.from(asked.status?.token ?? ''), mode: 0o600 }];
    }),
  );
  return parts.flat();
}

/** Gives everything below `path` to the group too. Read-only files get no right to write. */
function give(path: string, group: number, readOnly: boolean): void {
  const kind = lstatSync(path);
  chownSync(path, kind.uid, group);
  if (kind.isDirectory()) {
    for (const name of readdirSync(path)) give(join(path, name), group, readOnly);
    chmodSync(path, kind.mode | (readOnly ? 0o2550 : 0o2770));
  } else chmodSync(path, kind.mode | (readOnly ? 0o440 : 0o660));
}

/**
 * Builds the volumes of a pod in `folder` from the current ConfigMaps and Secrets. A change reaches the next pod.
 * @throws ConfigError where a kubelet reports FailedMount and tries again
 */
export async function mountVolumes(api: Api, pod: V1Pod, folder: string, address: string): Promise<void> {
  for (const volume of pod.spec!.volumes ?? []) {
    const path = join(folder, volume.name);
    const group = pod.spec!.securityContext?.fsGroup;
    const files = volume.emptyDir
      ? undefined
      : await filesOf(api, pod, volume, address).catch((error: unknown) => {
          throw error instanceof ConfigError
            ? new ConfigError(`MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`)
            : error;
        });
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    chmodSync(path, files === undefined ? 0o777 : 0o755);
    for (const { path: name, data, mode } of files ?? []) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), data);
      chmodSync(join(path, name), mode);
    }
    if (group !== undefined) give(path, group, files !== undefined);
  }
}

/** Where a container sees the volumes. */
export function mountsOf(
  pod: V1Pod,
  container: V1Container,
  folder: string,
  env: Readonly<Record<string, string>>,
): Mount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const volume = pod.spec!.volumes?.find(({ name }) => name === mount.name);
    const part = mount.subPathExpr === undefined ? (mount.subPath ?? '') : expand(mount.subPathExpr, env);
    const source = join(folder, mount.name, part);
    const stat = statSync(source, { throwIfNoEntry: false });
    if (stat === undefined) mkdirSync(source, { recursive: true });
    return {
      source,
      target: mount.mountPath,
      readOnly: mount.readOnly === true || volume?.emptyDir === undefined,
      file: stat?.isFile() === true,
    };
  });
}
