import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { run } from '@provider-access/testing';
import { BRIDGE, NODE_ADDRESS, POD_PREFIX } from '../namespace.ts';

/** The network namespace that the containers of a pod share, with an address of its own on the bridge. */
export interface Sandbox {
  readonly address: string;
  /** For nsenter. */
  readonly network: string;
  close(): void;
}

let made = 0;

export async function openSandbox(): Promise<Sandbox> {
  const n = (made += 1);
  // No address is reused while the cluster lives, because a late answer to a deleted pod must not reach its successor.
  const address = `10.244.${1 + Math.floor(n / 250)}.${1 + (n % 250)}`;
  const pause: ChildProcess = spawn('unshare', ['--net', 'sh', '-c', 'echo up; exec sleep infinity'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  pause.once('error', () => undefined);
  await once(pause.stdout!, 'data');
  const network = `/proc/${pause.pid}/ns/net`;
  const link = `pod${n}`;
  try {
    await run('sh', [
      '-ec',
      `
      ip link add ${link} type veth peer name eth0 netns ${pause.pid}
      ip link set ${link} master ${BRIDGE} up
      exec nsenter --net=${network} sh -ec '
        ip link set lo up
        ip addr add ${address}/${POD_PREFIX} dev eth0
        ip link set eth0 up
        ip route add default via ${NODE_ADDRESS}'`,
    ]);
  } catch (error) {
    pause.kill('SIGKILL');
    throw error;
  }
  return { address, network, close: () => void pause.kill('SIGKILL') };
}
