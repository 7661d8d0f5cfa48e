import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Certificates, makeCertificates } from './certificates.ts';
import { KAFKA_USER } from './fetch-kafka.ts';
import type { Listener } from './kafka-properties.ts';
import { freePort, LOOPBACK } from './ports.ts';

/** What a client needs for the listeners of `secure: true`; each is `host:port` of every broker. */
export interface KafkaSecure {
  /** TLS. A client certificate is verified if the client sends one. */
  readonly tls: string[];
  /** SASL (plain, scram-sha-256, scram-sha-512, oauthbearer) without TLS. */
  readonly sasl: string[];
  /** SASL over TLS. */
  readonly saslTls: string[];
  readonly certificates: Certificates;
  readonly username: string;
  readonly password: string;
  /** A token that the brokers accept for `oauthbearer`: by default an unsecured JWT for an hour. */
  token(seconds?: number): string;
}

const MECHANISMS = {
  PLAIN:
    'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
    `user_${KAFKA_USER.username}="${KAFKA_USER.password}";`,
  'SCRAM-SHA-256': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
  'SCRAM-SHA-512': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
  OAUTHBEARER: 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;',
};

/** Ports, broker properties and the clients' side of the listeners TLS, SASL and SASLTLS. */
export async function secureListeners(
  folder: string,
  count: number,
): Promise<{ listeners: Listener[][]; properties: Record<string, string>; clients: KafkaSecure }> {
  const certificates = await makeCertificates(join(folder, 'certificates'));
  const keyStore = join(folder, 'certificates', 'server-chain.pem');
  writeFileSync(keyStore, [certificates.server.key, certificates.server.cert, certificates.ca].join('\n'));
  const listeners: Listener[][] = [];
  for (let i = 0; i < count; i += 1) {
    listeners.push([
      { name: 'TLS', protocol: 'SSL', port: await freePort() },
      { name: 'SASL', protocol: 'SASL_PLAINTEXT', port: await freePort() },
      { name: 'SASLTLS', protocol: 'SASL_SSL', port: await freePort() },
    ]);
  }
  const properties: Record<string, string> = {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyStore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': certificates.caFile,
    'ssl.client.auth': 'requested',
    'sasl.enabled.mechanisms': Object.keys(MECHANISMS).join(','),
  };
  for (const name of ['sasl', 'sasltls']) {
    for (const [mechanism, module] of Object.entries(MECHANISMS))
      properties[`listener.name.${name}.${mechanism.toLowerCase()}.sasl.jaas.config`] = module;
  }
  const addresses = (name: string) =>
    listeners.map((of) => `${LOOPBACK}:${of.find((listener) => listener.name === name)!.port}`);
  return {
    listeners,
    properties,
    clients: {
      tls: addresses('TLS'),
      sasl: addresses('SASL'),
      saslTls: addresses('SASLTLS'),
      certificates,
      ...KAFKA_USER,
      token,
    },
  };
}

function token(seconds = 3600): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ sub: KAFKA_USER.username, iat: now, exp: now + seconds })}.`;
}
