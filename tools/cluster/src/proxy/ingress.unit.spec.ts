import { describe, expect, it } from 'vitest';
import type { V1Ingress } from '@kubernetes/client-node';
import { ALSO_ROUTES_OF, nginxConfig, type IngressView } from './ingress.ts';

const ingress = (
  name: string,
  ingressClassName: string,
  host: string,
  paths: readonly (readonly [path: string, pathType: string, service: string])[],
  rest: Partial<V1Ingress> & { tls?: string } = {},
): V1Ingress => ({
  metadata: { name, namespace: 'pa', ...rest.metadata },
  spec: {
    ingressClassName,
    ...(rest.tls !== undefined && { tls: [{ hosts: [host], secretName: rest.tls }] }),
    rules: [
      {
        host,
        http: {
          paths: paths.map(([path, pathType, service]) => ({
            path,
            pathType,
            backend: { service: { name: service, port: { name: 'http' } } },
          })),
        },
      },
    ],
  },
});
const view = (...ingresses: V1Ingress[]): IngressView => ({
  ingresses,
  endpoints: (_, { service }) => (service?.name === 'gone' ? [] : [`10.244.1.${service!.name.length}:8080`]),
  address: (name) => (name === 'internal' ? '10.98.0.2' : '10.98.0.1'),
  tls: (_, secret) => (secret === 'there' ? { cert: '/c', key: '/k' } : undefined),
});

describe('nginx of Ingress objects', () => {
  it('matches prefixes by whole path elements and exact paths exactly', () => {
    const { text } = nginxConfig(
      view(
        ingress('a', 'public', 'pa.example', [
          ['/fhir', 'Prefix', 'resources'],
          ['/fhir/Group', 'Prefix', 'attribution'],
          ['/events', 'Exact', 'intake'],
          ['/', 'Prefix', 'rest'],
        ]),
      ),
      '/x',
    );
    for (const place of [
      'location = /fhir {',
      'location /fhir/ {',
      'location = /fhir/Group {',
      'location /fhir/Group/ {',
      'location = /events {',
      'location / {',
    ])
      expect(text).toContain(place);
    expect(text).not.toContain('location /events/');
    expect(text).not.toMatch(/location \/fhir \{/);
  });
  it('merges hosts of one class and keeps classes apart', () => {
    const both = nginxConfig(
      view(
        ingress('a', 'public', 'pa.example', [['/fhir', 'Prefix', 'resources']]),
        ingress('b', 'public', 'pa.example', [['/events', 'Exact', 'resources']]),
      ),
      '/x',
    ).text;
    expect(both.match(/server_name pa.example/g)).toHaveLength(1);
    const apart = nginxConfig(
      view(
        ingress('a', 'public', 'pa.example', [['/fhir', 'Prefix', 'resources']]),
        ingress('b', 'internal', 'in.example', [['/events', 'Exact', 'resources']]),
      ),
      '/x',
    );
    expect([...apart.hosts]).toEqual([
      ['pa.example', '10.98.0.1'],
      ['in.example', '10.98.0.2'],
    ]);
    expect(apart.text).toMatch(/listen 10\.98\.0\.2:80;\s+server_name in\.example/);
  });
  it('takes regular expressions where ingress-nginx does', () => {
    const paths = [
      ['/fhir/Group', 'Prefix', 'attribution'],
      ['/fhir/Group/[^/]+/[$]export', 'ImplementationSpecific', 'export'],
    ] as const;
    const annotations = { 'nginx.ingress.kubernetes.io/use-regex': 'true' };
    const regular = ingress('a', 'public', 'pa.example', paths, {
      metadata: { name: 'a', namespace: 'pa', annotations },
    });
    expect(nginxConfig(view(regular), '/x').text).toContain('location ~* "^/fhir/Group/[^/]+/[$]export" {');
    expect(nginxConfig(view(ingress('a', 'public', 'pa.example', paths)), '/x').text).not.toContain('~*');
  });
  it('routes of another host, too, where an annotation says so', () => {
    const open = ingress('a', 'public', 'pa.example', [['/fhir', 'Prefix', 'resources']], {
      metadata: { name: 'a', namespace: 'pa', annotations: { [ALSO_ROUTES_OF]: 'in.example' } },
    });
    const { text } = nginxConfig(
      view(open, ingress('b', 'internal', 'in.example', [['/events', 'Exact', 'resources']])),
      '/x',
    );
    expect(text.match(/location = \/events/g)).toHaveLength(2);
  });
  it('ends TLS with the Secret, and sends plain requests there', () => {
    const { text } = nginxConfig(
      view(ingress('a', 'public', 'pa.example', [['/fhir', 'Prefix', 'resources']], { tls: 'there' })),
      '/x',
    );
    expect(text).toContain('listen 10.98.0.1:443 ssl; ssl_certificate /c; ssl_certificate_key /k;');
    expect(text).toContain('return 308 https://$host$request_uri;');
    expect(text).toContain('listen 10.98.0.1:443 ssl default_server; ssl_reject_handshake on;');
    expect(nginxConfig(view(ingress('a', 'public', 'pa.example', [], { tls: 'missing' })), '/x').text).not.toContain(
      'ssl',
    );
  });
  it('answers 503 where nothing is ready, and takes sizes and timeouts from annotations', () => {
    const annotations = {
      'nginx.ingress.kubernetes.io/proxy-body-size': '16m',
      'nginx.ingress.kubernetes.io/proxy-read-timeout': '300',
    };
    const { text } = nginxConfig(
      view(
        ingress('a', 'public', 'pa.example', [['/x', 'Exact', 'gone']], {
          metadata: { name: 'a', namespace: 'pa', annotations },
        }),
      ),
      '/x',
    );
    expect(text).toContain(
      'client_max_body_size 16m; proxy_read_timeout 300s; proxy_send_timeout 60s; proxy_connect_timeout 5s; return ' +
        '503;',
    );
    expect(text).not.toContain('upstream pa_gone');
  });
});
