import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder, cacheKey, run } from '@provider-access/testing';

interface Crd {
  /** Go module and version whose archive has the definition's YAML. */
  readonly module: string;
  readonly version: string;
  readonly file: string;
}

const GATEWAY = { module: 'sigs.k8s.io/gateway-api', version: 'v1.6.3' };
const PROMETHEUS = { module: 'github.com/prometheus-operator/prometheus-operator', version: 'v0.85.0' };
const KEDA = { module: 'github.com/kedacore/keda/v2', version: 'v2.21.0' };

/** Definitions of the foreign kinds that the chart can render, and of the kinds to which those refer. */
export const CRDS = {
  HTTPRoute: { ...GATEWAY, file: 'config/crd/standard/gateway.networking.k8s.io_httproutes.yaml' },
  Gateway: { ...GATEWAY, file: 'config/crd/standard/gateway.networking.k8s.io_gateways.yaml' },
  GatewayClass: { ...GATEWAY, file: 'config/crd/standard/gateway.networking.k8s.io_gatewayclasses.yaml' },
  ServiceMonitor: { ...PROMETHEUS, file: 'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml' },
  PodMonitor: { ...PROMETHEUS, file: 'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml' },
  PrometheusRule: { ...PROMETHEUS, file: 'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml' },
  ScaledObject: { ...KEDA, file: 'config/crd/bases/keda.sh_scaledobjects.yaml' },
  TriggerAuthentication: { ...KEDA, file: 'config/crd/bases/keda.sh_triggerauthentications.yaml' },
} as const satisfies Record<string, Crd>;

export type CrdKind = keyof typeof CRDS;
export const CRD_KINDS = Object.keys(CRDS) as CrdKind[];

/**
 * Folder with one `<kind>.yaml` for each definition, for `kubectl apply`. They come from the Go module proxy if the
 * cache does not have them. Throws if Go is missing or the proxy is unreachable.
 */
export async function crdFolder(progress?: (line: string) => void): Promise<string> {
  const key = createHash('sha256').update(JSON.stringify(CRDS)).digest('hex').slice(0, 16);
  return cached(join(cacheFolder(), 'go', cacheKey('crds', key)), async (made) => {
    progress?.('fetching definitions of foreign kinds from the Go module proxy (once)');
    mkdirSync(made);
    const folders = new Map<string, string>();
    for (const kind of CRD_KINDS) {
      const { module, version, file } = CRDS[kind];
      const folder = folders.get(module) ?? (await moduleFolder(`${module}@${version}`));
      folders.set(module, folder);
      copyFileSync(join(folder, file), join(made, `${kind}.yaml`));
    }
  });
}

/** Path of one definition. */
export const crdFile = async (kind: CrdKind): Promise<string> => join(await crdFolder(), `${kind}.yaml`);

async function moduleFolder(module: string): Promise<string> {
  const output = await run('go', ['mod', 'download', '-json', module]);
  // Lines of progress come before the JSON.
  const { Dir } = JSON.parse(output.slice(output.indexOf('{'))) as { Dir?: string };
  if (Dir === undefined) throw new Error(`${module} was not fetched: ${output}`);
  return Dir;
}
