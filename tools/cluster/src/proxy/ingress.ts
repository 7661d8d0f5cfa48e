import type { V1HTTPIngressPath, V1Ingress, V1IngressBackend } from '@kubernetes/client-node';

/** The parts of the cluster that decide nginx's configuration. */
export interface IngressView {
  readonly ingresses: readonly V1Ingress[];
  /** Endpoints of an existing backend; undefined if its Service or port does not exist. */
  readonly endpoints: (namespace: string, backend: V1IngressBackend) => readonly string[] | undefined;
  /** The address of a class's controller. */
  readonly address: (ingressClass: string) => string;
  /** Files of a TLS Secret; undefined if it does not exist. */
  readonly tls: (namespace: string, secret: string) => { readonly cert: string; readonly key: string } | undefined;
}

/** The annotations of ingress-nginx that this reads, with their defaults. */
const ANNOTATIONS = {
  'proxy-body-size': ['client_max_body_size', '1m'],
  'proxy-read-timeout': ['proxy_read_timeout', '60'],
  'proxy-send-timeout': ['proxy_send_timeout', '60'],
  'proxy-connect-timeout': ['proxy_connect_timeout', '5'],
} as const;
const settings = (ingress: V1Ingress): string[] =>
  Object.entries(ANNOTATIONS).map(([name, [directive, usual]]) => {
    const value = ingress.metadata?.annotations?.[`nginx.ingress.kubernetes.io/${name}`] ?? usual;
    return `${directive} ${/timeout/.test(name) ? `${value.replace(/s$/, '')}s` : value};`;
  });

/**
 * For clients of the tests that know only one base: the routes of this other host also belong to the Ingress' own host.
 */
export const ALSO_ROUTES_OF = 'tests.provider-access.example/also-routes-of';
/** With it, ingress-nginx reads paths of type ImplementationSpecific as regular expressions. */
const USE_REGEX = 'nginx.ingress.kubernetes.io/use-regex';

interface Host {
  readonly name: string;
  readonly address: string;
  readonly locations: Map<string, string>;
  tls?: { readonly cert: string; readonly key: string } | undefined;
}

/**
 * The configuration of nginx for all Ingress objects, with the routing of ingress-nginx: it merges hosts of one class;
 * an exact path wins, then the longest prefix, by whole path elements. nginx does not repeat requests that may not be
 * repeated (`proxy_next_upstream error timeout`), and does not buffer answers. For a name without an Ingress,
 * ingress-nginx shows its own certificate; here the handshake is refused.
 */
export function nginxConfig(
  view: IngressView,
  folder: string,
): { readonly text: string; readonly hosts: ReadonlyMap<string, string> } {
  const upstreams = new Map<string, readonly string[]>();
  const hosts = new Map<string, Host>();
  const add = (ingress: V1Ingress, host: Host, { path = '/', pathType, backend }: V1HTTPIngressPath): void => {
    const namespace = ingress.metadata!.namespace!;
    const endpoints = view.endpoints(namespace, backend) ?? [];
    const port = backend.service?.port;
    const upstream = `${namespace}_${backend.service?.name}_${port?.name ?? port?.number}`;
    if (endpoints.length > 0) upstreams.set(upstream, endpoints);
    const body = [...settings(ingress), endpoints.length > 0 ? `proxy_pass http://${upstream};` : 'return 503;'].join(
      ' ',
    );
    const prefix = path.replace(/\/+$/, '');
    if (pathType === 'ImplementationSpecific' && ingress.metadata?.annotations?.[USE_REGEX] === 'true') {
      host.locations.set(path, `location ~* "^${path}" { ${body} }`);
      return;
    }
    const places = pathType === 'Exact' ? [`= ${path}`] : prefix === '' ? ['/'] : [`= ${prefix}`, `${prefix}/`];
    for (const place of places)
      if (!host.locations.has(place)) host.locations.set(place, `location ${place} { ${body} }`);
  };
  const nameOf = ({ metadata }: V1Ingress): string => `${metadata!.namespace}/${metadata!.name}`;
  for (const ingress of view.ingresses.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)))) {
    const address = view.address(
      ingress.spec?.ingressClassName ?? ingress.metadata?.annotations?.['kubernetes.io/ingress.class'] ?? '',
    );
    for (const { host: name = '_', http } of ingress.spec?.rules ?? []) {
      const host = hosts.get(`${address} ${name}`) ?? { name, address, locations: new Map<string, string>() };
      hosts.set(`${address} ${name}`, host);
      const secret = ingress.spec?.tls?.find((one) => one.hosts === undefined || one.hosts.includes(name))?.secretName;
      host.tls ??= secret === undefined ? undefined : view.tls(ingress.metadata!.namespace!, secret);
      for (const path of http?.paths ?? []) add(ingress, host, path);
    }
  }
  for (const ingress of view.ingresses) {
    const other = [...hosts.values()].find(({ name }) => name === ingress.metadata?.annotations?.[ALSO_ROUTES_OF]);
    for (const { host } of other === undefined ? [] : (ingress.spec?.rules ?? [])) {
      const into = [...hosts.values()].find(({ name }) => name === host)!;
      for (const [place, location] of other!.locations) into.locations.set(place, location);
    }
  }
  return {
    text: text(folder, upstreams, [...hosts.values()]),
    hosts: new Map([...hosts.values()].filter(({ name }) => name !== '_').map(({ name, address }) => [name, address])),
  };
}

function text(folder: string, upstreams: ReadonlyMap<string, readonly string[]>, hosts: readonly Host[]): string {
  const addresses = [...new Set(hosts.map(({ address }) => address))];
  const secure = [...new Set(hosts.filter(({ tls }) => tls !== undefined).map(({ address }) => address))];
  const servers = hosts.map(({ name, address, locations, tls }) => {
    const body = `server_name ${name}; ${[...locations.values()].join('\n  ')}`;
    if (tls === undefined) return `server { listen ${address}:80;\n  ${body}\n}`;
    return (
      `server { listen ${address}:80; server_name ${name}; return 308 https://$host$request_uri; }\nserver { ` +
      `listen ${address}:443 ssl; ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};\n  ${body}\n}`
    );
  });
  const upstream = ([name, endpoints]: [string, readonly string[]]): string =>
    `upstream ${name} { ${endpoints.map((one) => `server ${one} max_fails=0;`).join(' ')} keepalive 64; }`;
  const unknownHost = (address: string): string =>
    `server { listen ${address}:443 ssl default_server; ssl_reject_handshake on; return 404; }`;
  return `daemon off; user root; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn;
worker_processes 1; worker_shutdown_timeout 240s;
events { worker_connections 4096; }
http {
log_format requests '$time_iso8601 $remote_addr $request_method $host $uri $status '
  '$upstream_status $upstream_addr $request_time';
access_log ${folder}/access.log requests;
client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
server_names_hash_bucket_size 128;
# nginx starts new workers for a new configuration, and the old ones close idle connections of clients. A request that
# is on its way in such a connection would be lost.
keepalive_timeout 0;
proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Host $http_host; proxy_set_header X-Real-IP $remote_addr;
proxy_buffering off; proxy_request_buffering on; proxy_next_upstream error timeout; proxy_next_upstream_tries 3;
proxy_max_temp_file_size 1024m;
${addresses.map((address) => `server { listen ${address}:80 default_server; return 404; }`).join('\n')}
${secure.map(unknownHost).join('\n')}
${[...upstreams].map(upstream).join('\n')}
${servers.join('\n')}
}
`;
}
