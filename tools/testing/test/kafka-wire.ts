import { once } from 'node:events';
import { connect } from 'node:net';

const CREATE_TOPICS = 19;
const METADATA = 3;

const int16 = (n: number) => {
  const b = Buffer.alloc(2);
  b.writeInt16BE(n);
  return b;
};
const int32 = (n: number) => {
  const b = Buffer.alloc(4);
  b.writeInt32BE(n);
  return b;
};
const text = (s: string) => Buffer.concat([int16(Buffer.byteLength(s)), Buffer.from(s)]);

/** One request to `host:port` and the body of its answer (https://kafka.apache.org/protocol). */
async function ask(broker: string, apiKey: number, version: number, body: Buffer): Promise<Buffer> {
  const [host, port] = broker.split(':') as [string, string];
  const socket = connect({ host, port: Number(port) });
  const request = Buffer.concat([int16(apiKey), int16(version), int32(1), text('test'), body]);
  socket.write(Buffer.concat([int32(request.length), request]));
  const closed = once(socket, 'close').then(() => Promise.reject(new Error('the connection was closed')));
  closed.catch(() => undefined);
  let answer: Buffer = Buffer.alloc(0);
  while (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0))
    answer = Buffer.concat([answer, ((await Promise.race([once(socket, 'data'), closed])) as [Buffer])[0]]);
  socket.destroy();
  return answer.subarray(8);
}

/** The error code of CreateTopics (v2) for one topic: 0 created, 36 exists. */
export async function createTopic(
  broker: string,
  topic: string,
  partitions: number,
  replication: number,
): Promise<number> {
  const answer = await ask(
    broker,
    CREATE_TOPICS,
    2,
    Buffer.concat([
      int32(1),
      text(topic),
      int32(partitions),
      int16(replication),
      int32(0),
      int32(0),
      int32(10_000),
      Buffer.from([0]),
    ]),
  );
  // int32 throttle, int32 count, string name, int16 error
  return answer.readInt16BE(8 + 2 + Buffer.byteLength(topic));
}

/** Brokers as Metadata (v4) gives them to clients, by node id, and the error code for `topic`: 0 or 3 (unknown). */
export async function metadata(broker: string, topic: string): Promise<{ brokers: string[]; topic: number }> {
  const answer = await ask(broker, METADATA, 4, Buffer.concat([int32(1), text(topic), Buffer.from([0])]));
  let at = 4;
  const string = () => {
    const length = answer.readInt16BE(at);
    at += 2 + Math.max(length, 0);
    return length < 0 ? '' : answer.toString('utf8', at - length, at);
  };
  const count = answer.readInt32BE(at);
  at += 4;
  const brokers: [number, string][] = [];
  for (let i = 0; i < count; i += 1) {
    const id = answer.readInt32BE(at);
    at += 4;
    const host = string();
    brokers.push([id, `${host}:${answer.readInt32BE(at)}`]);
    at += 4;
    string();
  }
  string();
  // int32 controller, int32 count of topics, int16 error
  return {
    brokers: brokers.sort(([a], [b]) => a - b).map(([, address]) => address),
    topic: answer.readInt16BE(at + 8),
  };
}
