import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1EndpointSlice, V1Ingress, V1Secret, V1Service } from '@kubernetes/client-node';
import { ServerProcess } from '@provider-access/testing';
import { follow, type Api, type Watched } from '../api.ts';
import { DNS_ADDRESS, ingressAddress, writeHosts } from '../namespace.ts';
import { startDns } from './dns.ts';
import { nginxConfig } from './ingress.ts';
import { endpointsOf, ServiceAddresses } from './services.ts';

const DEBOUNCE_MS = 50;

export interface Proxy {
  stop(): Promise<void>;
}

/** Routes requests: cluster addresses, cluster DNS, and nginx as the controller of every ingress class. */
export async function startProxy(options: {
  readonly api: Api;
  readonly folder: string;
  readonly problem: (error: unknown) => void;
}): Promise<Proxy> {
  const { api, folder } = options;
  mkdirSync(join(folder, 'tls'), { recursive: true });
  const configuration = join(folder, 'nginx.conf');
  const addresses = new ServiceAddresses();
  const classes: string[] = [];
  let names = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let open = false;
  const changed = (): void => {
    if (open)
      timer ??= setTimeout(() => {
        timer = undefined;
        try {
          sync();
        } catch (error) {
          options.problem(error);
        }
      }, DEBOUNCE_MS);
  };
  const [services, slices, ingresses, secrets] = await Promise.all([
    follow<V1Service>(api, '/api/v1/services', () => api.core.listServiceForAllNamespaces(), changed),
    follow<V1EndpointSlice>(
      api,
      '/apis/discovery.k8s.io/v1/endpointslices',
      () => api.discovery.listEndpointSliceForAllNamespaces(),
      changed,
    ),
    follow<V1Ingress>(
      api,
      '/apis/networking.k8s.io/v1/ingresses',
      () => api.networking.listIngressForAllNamespaces(),
      changed,
    ),
    follow<V1Secret>(api, '/api/v1/secrets', () => api.core.listSecretForAllNamespaces(), changed),
  ]);
  const address = (name: string): string => {
    if (!classes.includes(name)) classes.push(name);
    return ingressAddress(classes.indexOf(name));
  };
  const write = (file: string, text: string): void => {
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text, { mode: 0o600 });
  };
  const tls = (namespace: string, name: string): { cert: string; key: string } | undefined => {
    const data = secrets
      .items()
      .find(({ metadata }) => metadata?.namespace === namespace && metadata?.name === name)?.data;
    if (data?.['tls.crt'] === undefined || data['tls.key'] === undefined) return undefined;
    // A new certificate gets a new file name, so that nginx reads it.
    const version = createHash('sha256').update(data['tls.crt']).update(data['tls.key']).digest('hex').slice(0, 12);
    const [cert, key] = [
      join(folder, 'tls', `${namespace}_${name}_${version}.crt`),
      join(folder, 'tls', `${namespace}_${name}_${version}.key`),
    ];
    write(cert, Buffer.from(data['tls.crt'], 'base64').toString());
    write(key, Buffer.from(data['tls.key'], 'base64').toString());
    return { cert, key };
  };
  const routes = (): { text: string; hosts: ReadonlyMap<string, string> } =>
    nginxConfig(
      {
        ingresses: ingresses.items(),
        address,
        tls,
        endpoints: (namespace, { service: wanted }) => {
          const service = services
            .items()
            .find(({ metadata }) => metadata?.namespace === namespace && metadata?.name === wanted?.name);
          const port = service?.spec?.ports?.find((one) =>
            wanted?.port?.name === undefined ? one.port === wanted?.port?.number : one.name === wanted.port.name,
          );
          return service && port && endpointsOf(slices.items(), service, port);
        },
      },
      folder,
    );

  writeFileSync(configuration, routes().text);
  // nginx would take a variable of this name for inherited sockets.
  const nginx = ServerProcess.start({
    name: 'nginx',
    command: 'nginx',
    args: ['-p', folder, '-c', configuration, '-e', join(folder, 'error.log')],
    env: { NGINX: undefined },
    logFile: join(folder, 'nginx.log'),
  });
  await nginx.ready(() => existsSync(join(folder, 'nginx.pid')), 10_000);
  const sync = (): void => {
    addresses.sync(services.items(), slices.items());
    names = new Map(
      services
        .items()
        .flatMap(({ metadata, spec }) =>
          spec?.clusterIP === undefined || spec.clusterIP === 'None'
            ? []
            : [[`${metadata!.name}.${metadata!.namespace}.svc.cluster.local`, spec.clusterIP] as const],
        ),
    );
    const { text, hosts } = routes();
    if (readFileSync(configuration, 'utf8') !== text) {
      writeFileSync(configuration, text);
      process.kill(nginx.pid, 'SIGHUP');
    }
    writeHosts(hosts);
    // Pods reach the hosts of Ingress objects too, as through a payer's DNS.
    for (const [name, at] of hosts) names.set(name, at);
  };
  const headless = (name: string): readonly string[] | undefined => {
    const service = services
      .items()
      .find(
        ({ metadata, spec }) =>
          spec?.clusterIP === 'None' && `${metadata!.name}.${metadata!.namespace}.svc.cluster.local` === name,
      );
    return (
      service && [
        ...new Set(
          (service.spec!.ports ?? [])
            .flatMap((port) => endpointsOf(slices.items(), service, port))
            .map((one) => one.split(':')[0]!),
        ),
      ]
    );
  };
  const dns = await startDns(DNS_ADDRESS, (name) => {
    const known = names.get(name);
    return known === undefined ? headless(name) : [known];
  });
  open = true;
  changed();
  return {
    async stop() {
      open = false;
      clearTimeout(timer);
      await Promise.all(
        ([services, slices, ingresses, secrets] as readonly Watched<unknown>[]).map((watched) => watched.stop()),
      );
      dns.close();
      addresses.close();
      await nginx.stop();
    },
  };
}
