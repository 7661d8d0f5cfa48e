import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { has, run } from './cache.ts';
import { LOOPBACK } from './ports.ts';

interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Certificates {
  /** PEM of the authority that signed the other two, and its file. */
  readonly ca: string;
  readonly caFile: string;
  /** For the given host names, and 127.0.0.1. */
  readonly server: Certificate;
  readonly client: Certificate;
}

/** A certificate authority of one day, a server's and a client's certificate, made by openssl in `folder`. */
export async function makeCertificates(
  folder: string,
  hosts: readonly [string, ...string[]] = ['localhost'],
): Promise<Certificates> {
  if (!has('openssl', ['version']))
    throw new Error(
      'TLS tests make their certificates with openssl, which was not found: install it (Debian: apt-get install ' +
        'openssl).',
    );
  mkdirSync(folder, { recursive: true });
  const file = (name: string) => join(folder, name);
  const request = (name: string, subject: string) => [
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    file(`${name}.key`),
    '-subj',
    subject,
  ];
  await run('openssl', [...request('ca', '/CN=Test authority'), '-x509', '-days', '1', '-out', file('ca.pem')]);
  const sign = async (name: string, subject: string, extensions: string): Promise<Certificate> => {
    writeFileSync(file(`${name}.ext`), extensions);
    await run('openssl', [...request(name, subject), '-out', file(`${name}.csr`)]);
    await run('openssl', [
      'x509',
      '-req',
      '-in',
      file(`${name}.csr`),
      '-CA',
      file('ca.pem'),
      '-CAkey',
      file('ca.key'),
      '-set_serial',
      String(Date.now()),
      '-days',
      '1',
      '-extfile',
      file(`${name}.ext`),
      '-out',
      file(`${name}.pem`),
    ]);
    return {
      cert: readFileSync(file(`${name}.pem`), 'utf8'),
      key: readFileSync(file(`${name}.key`), 'utf8'),
      certFile: file(`${name}.pem`),
      keyFile: file(`${name}.key`),
    };
  };
  const server = await sign(
    'server',
    `/CN=${hosts[0]}`,
    `subjectAltName=${hosts.map((host) => `DNS:${host}`).join()},IP:${LOOPBACK}\n` +
      'extendedKeyUsage=serverAuth,clientAuth\n',
  );
  const client = await sign('client', '/CN=provider-access-client', 'extendedKeyUsage=clientAuth\n');
  return { ca: readFileSync(file('ca.pem'), 'utf8'), caFile: file('ca.pem'), server, client };
}
