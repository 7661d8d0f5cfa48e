import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value };

const OP_MSG = 2013;

/** BSON of strings, int32, booleans, arrays and documents (https://bsonspec.org). */
function bson(document: { readonly [name: string]: Value } | readonly Value[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(document)) {
    const element = (type: number, body: Buffer) => parts.push(Buffer.from([type]), Buffer.from(`${name}\0`), body);
    if (typeof value === 'string')
      element(2, Buffer.concat([int32(Buffer.byteLength(value) + 1), Buffer.from(`${value}\0`)]));
    else if (typeof value === 'number') element(16, int32(value));
    else if (typeof value === 'boolean') element(8, Buffer.from([value ? 1 : 0]));
    else element(Array.isArray(value) ? 4 : 3, bson(value as { readonly [name: string]: Value }));
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 5), body, Buffer.from([0])]);
}

function int32(n: number): Buffer {
  const b = Buffer.alloc(4);
  b.writeInt32LE(n);
  return b;
}

/** A connection that sends commands by OP_MSG, one at a time. */
export class MongoConnection {
  readonly #socket: Socket;
  readonly #gone: Promise<never>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#gone = new Promise((_, reject) =>
      socket.on('error', () => undefined).once('close', () => reject(new Error('the server went away'))),
    );
    this.#gone.catch(() => undefined);
  }

  static async open(port: number): Promise<MongoConnection> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new MongoConnection(socket);
  }

  /** The `n` of the answer; rejects if the server goes away or answers without one. */
  async n(command: { readonly [name: string]: Value }): Promise<number> {
    const body = bson(command);
    this.#socket.write(
      Buffer.concat([int32(16 + 5 + body.length), int32(1), int32(0), int32(OP_MSG), int32(0), Buffer.from([0]), body]),
    );
    let answer: Buffer = Buffer.alloc(0);
    while (answer.length < 4 || answer.length < answer.readInt32LE(0))
      answer = Buffer.concat([answer, ((await Promise.race([once(this.#socket, 'data'), this.#gone])) as [Buffer])[0]]);
    const at = answer.indexOf(Buffer.from('\x10n\0', 'latin1'));
    if (at < 0) throw new Error(`no n in ${answer.toString('latin1')}`);
    return answer.readInt32LE(at + 3);
  }

  close(): void {
    this.#socket.destroy();
  }
}
