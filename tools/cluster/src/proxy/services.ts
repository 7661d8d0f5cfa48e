import { connect, createServer, type Server } from 'node:net';
import type { V1EndpointSlice, V1Service, V1ServicePort } from '@kubernetes/client-node';

/** `address:port` of the ready endpoints behind a port of a Service, without terminating ones. */
export function endpointsOf(slices: readonly V1EndpointSlice[], service: V1Service, port: V1ServicePort): string[] {
  const { name, namespace } = service.metadata!;
  return slices
    .filter(
      ({ metadata }) => metadata?.namespace === namespace && metadata?.labels?.['kubernetes.io/service-name'] === name,
    )
    .flatMap((slice) => {
      const number = slice.ports?.find((one) => (one.name ?? '') === (port.name ?? ''))?.port;
      // A slice without pods has null for endpoints.
      return number === undefined
        ? []
        : (slice.endpoints ?? [])
            .filter(({ conditions }) => conditions?.ready !== false && conditions?.terminating !== true)
            .flatMap(({ addresses }) => addresses.map((address) => `${address}:${number}`));
    })
    .toSorted();
}

/** Cluster addresses. Each connection goes to the next endpoint, and open connections stay. */
export class ServiceAddresses {
  readonly #servers = new Map<string, Server>();
  #targets = new Map<string, readonly string[]>();

  sync(services: readonly V1Service[], slices: readonly V1EndpointSlice[]): void {
    const wanted = services
      .filter(
        ({ spec, metadata }) =>
          spec?.clusterIP !== undefined && spec.clusterIP !== 'None' && metadata?.name !== 'kubernetes',
      )
      .flatMap((service) =>
        (service.spec!.ports ?? [])
          .filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
          .map((port) => [`${service.spec!.clusterIP}:${port.port}`, endpointsOf(slices, service, port)] as const),
      );
    this.#targets = new Map(wanted);
    for (const [key, server] of this.#servers) {
      if (this.#targets.has(key)) continue;
      server.close();
      this.#servers.delete(key);
    }
    for (const key of this.#targets.keys()) if (!this.#servers.has(key)) this.#servers.set(key, this.#listen(key));
  }

  #listen(key: string): Server {
    let turn = 0;
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const targets = this.#targets.get(key) ?? [];
      const [host, port] = targets[turn++ % targets.length]?.split(':') ?? [];
      // As kube-proxy does: a Service without endpoints refuses connections.
      if (host === undefined) return void client.resetAndDestroy();
      const pod = connect({ host, port: Number(port), allowHalfOpen: true });
      client.pipe(pod).pipe(client);
      client.on('error', () => pod.destroy()).on('close', () => pod.destroy());
      pod.on('error', () => client.resetAndDestroy()).on('close', () => client.destroy());
    });
    const [host, port] = key.split(':');
    server.on('error', () => this.#servers.delete(key)).listen(Number(port), host);
    return server;
  }

  close(): void {
    for (const server of this.#servers.values()) server.close();
  }
}
