import { connect, type Socket } from 'node:net';
import { quantile } from './rows.ts';

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p99: number;
}

/**
 * Closed-loop load over raw sockets with one request in flight on each connection. It is as cheap as possible, so that
 * the generator is not measured. Several bases share the connections. It understands only answers with Content-Length.
 * @throws if an answer is not 200
 */
export async function load(options: {
  base: string | readonly string[];
  targets: readonly string[];
  token?: string;
  connections: number;
  seconds: number;
}): Promise<LoadResult> {
  const bases = [options.base].flat().map((base) => new URL(base));
  const { host } = bases[0]!;
  const authorization = options.token === undefined ? '' : `authorization: Bearer ${options.token}\r\n`;
  const headers = `host: ${host}\r\naccept: application/fhir+json\r\n${authorization}`;
  const requests = options.targets.map((target) => Buffer.from(`GET ${target} HTTP/1.1\r\n${headers}\r\n`));
  const latencies: number[] = [];
  let failures = 0;
  let next = 0;
  const end = performance.now() + options.seconds * 1000;
  const started = performance.now();

  const drive = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let pending = Buffer.alloc(0);
      let need = -1;
      let sentAt = 0;
      const send = (): void => {
        // On a slow machine too, each connection has an answer.
        if (sentAt > 0 && performance.now() >= end) {
          socket.end();
          resolve();
          return;
        }
        sentAt = performance.now();
        socket.write(requests[next++ % requests.length]!);
      };
      socket.on('data', (chunk: Buffer<ArrayBuffer>) => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        if (need < 0) {
          const split = pending.indexOf('\r\n\r\n');
          if (split < 0) return;
          const head = pending.subarray(0, split).toString('latin1');
          if (!head.startsWith('HTTP/1.1 200')) failures += 1;
          need = split + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        }
        if (pending.length < need) return;
        latencies.push(performance.now() - sentAt);
        pending = pending.subarray(need);
        need = -1;
        send();
      });
      socket.on('error', reject);
      send();
    });

  await Promise.all(
    Array.from({ length: options.connections }, async (_, i) => {
      const { hostname, port } = bases[i % bases.length]!;
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      await new Promise((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
      await drive(socket);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  if (failures > 0) throw new Error(`${failures} of ${latencies.length} requests failed`);
  return { requests: latencies.length, perSecond: latencies.length / seconds, p99: quantile(latencies, 0.99) };
}
