import { createSocket } from 'node:dgram';

const A = 1;
const IN = 1;
const NAME_ERROR = 3;

/** The requested name and the end of the question; undefined for anything else. */
function questionOf(message: Buffer): { name: string; type: number; end: number } | undefined {
  if (message.length < 17 || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    if (length > 63 || at + 1 + length >= message.length) return undefined;
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  if (at + 5 > message.length) return undefined;
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

/**
 * The answer to a DNS question over UDP (RFC 1035): addresses of names that `resolve` knows, valid for 1 s. Other types
 * of them are empty.
 */
export function answer(message: Buffer, resolve: (name: string) => readonly string[] | undefined): Buffer | undefined {
  const question = questionOf(message);
  if (question === undefined) return undefined;
  const found = resolve(question.name);
  const addresses = question.type === A ? (found ?? []) : [];
  const head = Buffer.from(message.subarray(0, question.end));
  // Response, authoritative, recursive if asked for.
  head.writeUInt16BE(0x8400 | (message.readUInt16BE(2) & 0x0100) | (found === undefined ? NAME_ERROR : 0), 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(A, 2);
    record.writeUInt16BE(IN, 4);
    record.writeUInt32BE(1, 6);
    record.writeUInt16BE(4, 10);
    record.set(address.split('.').map(Number), 12);
    return record;
  });
  return Buffer.concat([head, ...records]);
}

/** The cluster's DNS. */
export async function startDns(
  address: string,
  resolve: (name: string) => readonly string[] | undefined,
): Promise<{ close(): void }> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address: from }) => {
    const reply = answer(message, resolve);
    if (reply !== undefined) socket.send(reply, port, from);
  });
  await new Promise<void>((done, failed) => {
    socket.once('error', failed);
    socket.bind(53, address, done);
  });
  return { close: () => socket.close() };
}
