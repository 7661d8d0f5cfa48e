import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { ServerProcess } from '@provider-access/testing';
import { NODE_ADDRESS, SERVICE_RANGE } from './namespace.ts';
import { controlPlaneProgram, type ControlPlaneProgram } from './programs.ts';

const API_PORT = 6443;
const ETCD = 'http://127.0.0.1:2379';
const ETCD_PEER = 'http://127.0.0.1:2380';
const READY_MS = 90_000;

/** Users of the API server, by token, with names and groups that its built-in roles know. */
const USERS = {
  admin: ['admin', 'system:masters'],
  'controller-manager': ['system:kube-controller-manager', ''],
  scheduler: ['system:kube-scheduler', ''],
} as const;
type User = keyof typeof USERS;

export interface ControlPlane {
  /** The token of an administrator, for clients inside the namespace. */
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/**
 * etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback. They differ from a real cluster only in
 * storage (no fsync) and in tokens instead of client certificates. Resolves when the API server answers and the
 * default ServiceAccount exists.
 */
export async function startControlPlane(folder: string): Promise<ControlPlane> {
  const pki = join(folder, 'pki');
  mkdirSync(pki, { recursive: true });
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const file = (name: string, text: string): string => {
    const path = join(pki, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const tokens = Object.fromEntries(
    Object.keys(USERS).map((user) => [user, randomBytes(24).toString('hex')]),
  ) as Record<User, string>;
  const tokenFile = file(
    'tokens.csv',
    (Object.keys(USERS) as User[])
      .map((user) => `${tokens[user]},${USERS[user][0]},${user},"${USERS[user][1]}"\n`)
      .join(''),
  );
  const signing = file('service-accounts.key', keys.privateKey);
  const verifying = file('service-accounts.pub', keys.publicKey);

  const running: ServerProcess[] = [];
  const start = async (name: ControlPlaneProgram, args: string[]): Promise<ServerProcess> => {
    const command = await controlPlaneProgram(name);
    const server = ServerProcess.start({ name, command, args, logFile: join(folder, `${name}.log`) });
    running.push(server);
    return server;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(running.toReversed().map((server) => server.kill()));
  };
  try {
    await start('etcd', [
      '--name=default',
      `--data-dir=${join(folder, 'etcd')}`,
      '--unsafe-no-fsync',
      `--listen-client-urls=${ETCD}`,
      `--advertise-client-urls=${ETCD}`,
      `--listen-peer-urls=${ETCD_PEER}`,
      `--initial-advertise-peer-urls=${ETCD_PEER}`,
      `--initial-cluster=default=${ETCD_PEER}`,
      '--log-level=warn',
    ]);
    const api = await start('kube-apiserver', [
      `--etcd-servers=${ETCD}`,
      '--bind-address=127.0.0.1',
      `--advertise-address=${NODE_ADDRESS}`,
      `--secure-port=${API_PORT}`,
      `--cert-dir=${pki}`,
      '--endpoint-reconciler-type=none',
      `--token-auth-file=${tokenFile}`,
      `--service-account-key-file=${verifying}`,
      `--service-account-signing-key-file=${signing}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      '--authorization-mode=Node,RBAC',
      '--allow-privileged=true',
      '--profiling=false',
      '--v=1',
    ]);
    // kube-apiserver has no configured certificate, so it writes one of its own.
    const certificate = join(pki, 'apiserver.crt');
    const kubeconfig = (user: User): string =>
      file(
        `${user}.kubeconfig`,
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Config',
          'current-context': 'tests',
          contexts: [{ name: 'tests', context: { cluster: 'tests', user } }],
          clusters: [
            {
              name: 'tests',
              cluster: { server: `https://127.0.0.1:${API_PORT}`, 'certificate-authority': certificate },
            },
          ],
          users: [{ name: user, user: { token: tokens[user] } }],
        }),
      );
    const admin = kubeconfig('admin');
    const answers = (path: string): Promise<boolean> =>
      get(certificate, path, tokens.admin).then(
        (status) => status === 200,
        () => false,
      );
    await api.ready(() => answers('/readyz'), READY_MS);
    const as = (user: User): string[] =>
      ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (flag) => `--${flag}=${kubeconfig(user)}`,
      );
    const usual = [
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      `--cert-dir=${pki}`,
      '--profiling=false',
      '--v=1',
    ];
    const manager = await start('kube-controller-manager', [
      ...as('controller-manager'),
      ...usual,
      `--service-account-private-key-file=${signing}`,
      `--root-ca-file=${certificate}`,
      '--use-service-account-credentials=true',
    ]);
    await start('kube-scheduler', [...as('scheduler'), ...usual]);
    await manager.ready(() => answers('/api/v1/namespaces/default/serviceaccounts/default'), READY_MS);
    return { kubeconfig: admin, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function get(certificate: string, path: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const ca = readFileSync(certificate);
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: API_PORT, path, ca, agent: false, headers, timeout: 5000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}
