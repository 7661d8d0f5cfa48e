import { connect, createServer } from 'node:net';

/**
 * The address on which test servers listen. TEST_SERVERS_HOST is another address of this machine, which processes in
 * other network namespaces can reach.
 */
export const LOOPBACK = process.env.TEST_SERVERS_HOST ?? '127.0.0.1';

/** Ports that this process has handed out. None is handed out twice, even before its server listens. */
const given = new Set<number>();

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}

/**
 * A free loopback port from 20000 to 31999. Systems take the ports of outgoing connections from a higher range, so only
 * another server can take it before its server starts.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('No free loopback port between 20000 and 31999 was found in 200 tries.');
}

/** Whether something accepts connections on this port within `timeoutMs` milliseconds. */
export function answers(port: number, timeoutMs = 500, host: string = LOOPBACK): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (value: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(value);
    };
    const timer = setTimeout(() => done(false), timeoutMs);
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
