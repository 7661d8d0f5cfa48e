import * as k8s from '@kubernetes/client-node';

/** Clients of one API server. */
export interface Api {
  readonly config: k8s.KubeConfig;
  readonly core: k8s.CoreV1Api;
  readonly apps: k8s.AppsV1Api;
  readonly batch: k8s.BatchV1Api;
  readonly networking: k8s.NetworkingV1Api;
  readonly discovery: k8s.DiscoveryV1Api;
  readonly policy: k8s.PolicyV1Api;
  readonly autoscaling: k8s.AutoscalingV2Api;
  /** Any kind, by its manifest. */
  readonly objects: k8s.KubernetesObjectApi;
}

export function apiOf(kubeconfig: string): Api {
  const config = new k8s.KubeConfig();
  config.loadFromFile(kubeconfig);
  return {
    config,
    core: config.makeApiClient(k8s.CoreV1Api),
    apps: config.makeApiClient(k8s.AppsV1Api),
    batch: config.makeApiClient(k8s.BatchV1Api),
    networking: config.makeApiClient(k8s.NetworkingV1Api),
    discovery: config.makeApiClient(k8s.DiscoveryV1Api),
    policy: config.makeApiClient(k8s.PolicyV1Api),
    autoscaling: config.makeApiClient(k8s.AutoscalingV2Api),
    objects: k8s.KubernetesObjectApi.makeApiClient(config),
  };
}

/** Replaces arrays as a whole, so that no element of an earlier state stays. */
export const mergePatch = k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch);

export const codeOf = (error: unknown): number | undefined =>
  error instanceof k8s.ApiException ? error.code : undefined;
/** The answer, or undefined if the object does not exist. */
export const orMissing = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: unknown) => {
    if (codeOf(error) === 404) return undefined;
    throw error;
  });

export interface Watched<T> {
  items(): readonly T[];
  stop(): Promise<void>;
}

/**
 * Follows a list. `changed` is called after each event (`removed` with the deleted object). Reconnects until it is
 * stopped.
 */
export async function follow<T extends k8s.KubernetesObject>(
  api: Api,
  path: string,
  list: () => Promise<k8s.KubernetesListObject<T>>,
  changed: (object: T, removed: boolean) => void,
): Promise<Watched<T>> {
  const informer = k8s.makeInformer<T>(api.config, path, list);
  let stopped = false;
  informer.on('add', (object) => changed(object, false));
  informer.on('update', (object) => changed(object, false));
  informer.on('delete', (object) => changed(object, true));
  informer.on('error', () => {
    if (!stopped) setTimeout(() => void (stopped || informer.start().catch(() => undefined)), 300).unref();
  });
  await informer.start();
  return {
    items: () => informer.list(),
    async stop() {
      stopped = true;
      await informer.stop();
    },
  };
}

/** A time in Kubernetes' form: whole seconds. */
export const now = (): Date => new Date(Math.floor(Date.now() / 1000) * 1000);
