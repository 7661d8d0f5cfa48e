import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A collector that accepts everything and keeps nothing, in a process of its own, so that its cost is not the
 * platform's. Prints its port.
 */
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
