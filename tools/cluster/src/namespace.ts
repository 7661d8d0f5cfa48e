import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { has } from '@provider-access/testing';

/**
 * The network of the cluster tests: one bridge for the pods, addresses of services and ingress controllers on loopback,
 * and one address "outside the cluster" for Kafka, the MongoDB-compatible server and S3. All of it exists only inside
 * the network and mount namespace of `tools/cluster/run`, so nothing of the machine changes.
 */
export const BRIDGE = 'cluster0';
export const NODE_ADDRESS = '10.244.0.1';
export const POD_PREFIX = 16;
/**
 * A bridge without a MAC address of its own takes the lowest one of its ports, which can change with every pod that
 * comes or goes. Pods that still have the former one in their ARP cache would reach nobody for up to a minute.
 */
const BRIDGE_MAC = '02:00:0a:f4:00:01';
export const SERVICE_RANGE = '10.96.0.0/16';
export const DNS_ADDRESS = '10.96.0.10';
export const OUTSIDE_ADDRESS = '10.99.0.1';
/** One address for each ingress class, in the order of their appearance. */
export const ingressAddress = (n: number): string => `10.98.0.${n + 1}`;

/** Why the cluster tests cannot run on this machine; undefined when they can. */
export function whyNot(): string | undefined {
  if (process.platform !== 'linux') return `a cluster needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'a cluster needs root (namespaces, mounts, other users)';
  const missing = ['ip', 'nginx', 'nsenter', 'setpriv', 'unshare'].filter(
    (program) => !has(program, [program === 'nginx' ? '-v' : '--version']) && !has(program, ['-V']),
  );
  if (missing.length > 0)
    return `a cluster needs ${missing.join(', ')} (Debian: apt-get install nginx-light iproute2 util-linux)`;
  const probe = spawnSync(
    'unshare',
    [
      '--net',
      '--mount',
      '--pid',
      '--fork',
      'sh',
      '-c',
      'ip link add b0 type bridge && ip link add v0 type veth peer name v1 && mount -t tmpfs none /mnt',
    ],
    { encoding: 'utf8' },
  );
  return probe.status === 0
    ? undefined
    : `a cluster needs network namespaces, bridges and mounts: ${probe.stderr.trim().split('\n').at(-1)}`;
}

const inNamespace = (): boolean =>
  Object.values(networkInterfaces()).some((of) => of?.some(({ address }) => address === OUTSIDE_ADDRESS));

/** @throws if this process is not inside the namespace of `tools/cluster/run` */
export function assertNamespace(): void {
  if (!inNamespace())
    throw new Error(
      'This runs inside the namespace of the cluster tests only: `npm run test:long -- cluster`, or ' +
        '`tools/cluster/run <command>`.',
    );
}

/**
 * Network and /etc/hosts of a fresh namespace. @throws if it is the machine's own namespace (it has more interfaces
 * than loopback)
 */
export function setUpNamespace(hostsFile: string): void {
  const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).trim().split('\n');
  if (links.length !== 1 || process.pid > 2)
    throw new Error('This is not a fresh network and process namespace: start it through `tools/cluster/run`.');
  const batch = [
    'link set lo up',
    `link add ${BRIDGE} type bridge`,
    `link set ${BRIDGE} address ${BRIDGE_MAC}`,
    `addr add ${NODE_ADDRESS}/${POD_PREFIX} dev ${BRIDGE}`,
    `link set ${BRIDGE} up`,
    `addr add ${SERVICE_RANGE} dev lo`,
    `addr add 10.98.0.0/24 dev lo`,
    `addr add ${OUTSIDE_ADDRESS}/32 dev lo`,
  ];
  execFileSync('ip', ['-batch', '-'], { input: `${batch.join('\n')}\n` });
  writeFileSync(hostsFile, HOSTS);
  execFileSync('mount', ['--bind', hostsFile, '/etc/hosts']);
}

const HOSTS = '127.0.0.1 localhost\n';

/** Writes names beside localhost in place, because the file is bound over /etc/hosts and a new file would not be. */
export function writeHosts(names: ReadonlyMap<string, string>): void {
  const wanted = HOSTS + [...names].map(([name, address]) => `${address} ${name}\n`).join('');
  if (readFileSync('/etc/hosts', 'utf8') !== wanted) writeFileSync('/etc/hosts', wanted);
}
