import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { LivenessData } from './liveness.ts';

// An import of `node:http` loads Node's client for fetch too, which has 29,500 objects.
const { createServer } = process.getBuiltinModule('node:http');
const { host, port, beat, stillMs } = workerData as LivenessData;
/** Why the process should be restarted, as its main thread said at last. */
let stuck: string | undefined;
parentPort!.on('message', (reason: string | undefined) => (stuck = reason));

const server = createServer((request, response) => {
  const stillFor = Number(process.hrtime.bigint() - Atomics.load(beat, 0)) / 1e6;
  const detail = stillFor > stillMs ? `the event loop has stood still for ${Math.round(stillFor / 1000)} s` : stuck;
  const isLive = request.url?.split('?', 1)[0] === '/health/live';
  const status = isLive ? (detail === undefined ? 200 : 503) : 404;
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(isLive ? JSON.stringify({ live: detail === undefined, ...(detail !== undefined && { detail }) }) : '{}');
});
server.listen(port, host, () => parentPort!.postMessage((server.address() as AddressInfo).port));
