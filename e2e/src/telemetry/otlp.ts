import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What of OTLP the tests look at: https://github.com/open-telemetry/opentelemetry-
 * proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto
 */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
}

type Field = readonly [number: number, value: bigint | Buffer];
const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

/** Fields of a protobuf message: varints and fixed numbers as bigint, the rest as bytes. */
function* fieldsOf(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    switch (tag & 7) {
      case 0:
        yield [number, varint()];
        break;
      case 1:
        yield [number, bytes.readBigUInt64LE((at += 8) - 8)];
        break;
      case 2: {
        const length = Number(varint());
        yield [number, bytes.subarray(at, (at += length))];
        break;
      }
      case 5:
        yield [number, BigInt(bytes.readUInt32LE((at += 4) - 4))];
        break;
      default:
        throw new Error('no protobuf');
    }
  }
}
const all = (bytes: Buffer, number: number): Buffer[] =>
  [...fieldsOf(bytes)].flatMap(([n, value]) => (n === number ? [value as Buffer] : []));
const text = (bytes: Buffer | undefined): string => bytes?.toString('utf8') ?? '';
function valueOf(any: Buffer): unknown {
  for (const [number, value] of fieldsOf(any)) {
    if (number === 1) return text(value as Buffer);
    if (number === 2) return value === 1n;
    if (number === 3) return Number(value);
    if (number === 5) return all(value as Buffer, 1).map(valueOf);
    return String(value);
  }
  return undefined;
}
const attributesOf = (pairs: readonly Buffer[]): Record<string, unknown> =>
  Object.fromEntries(pairs.map((pair) => [text(all(pair, 1)[0]), valueOf(all(pair, 2)[0] ?? Buffer.alloc(0))]));

function spanOf(service: string, bytes: Buffer): ReceivedSpan {
  const hex = (number: number, of = bytes): string => all(of, number)[0]?.toString('hex') ?? '';
  const number = (of: Buffer, n: number): number => Number([...fieldsOf(of)].find(([found]) => found === n)?.[1] ?? 0);
  return {
    service,
    name: text(all(bytes, 5)[0]),
    kind: KINDS[number(bytes, 6)] ?? '',
    traceId: hex(1),
    spanId: hex(2),
    parentSpanId: hex(4),
    attributes: attributesOf(all(bytes, 9)),
    links: all(bytes, 13).map((link) => ({ traceId: hex(1, link), spanId: hex(2, link) })),
    failed: all(bytes, 15).some((status) => number(status, 3) === 2),
  };
}

function spansOf(request: Buffer): ReceivedSpan[] {
  return all(request, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(all(all(resourceSpans, 1)[0] ?? Buffer.alloc(0), 1));
    return all(resourceSpans, 2).flatMap((scope) =>
      all(scope, 2).map((span) => spanOf(String(resource['service.name']), span)),
    );
  });
}

/** The resources of a request: the attributes of each process. */
export const resourcesOf = (request: Buffer): Record<string, unknown>[] =>
  all(request, 1).map((part) => attributesOf(all(all(part, 1)[0] ?? Buffer.alloc(0), 1)));

/** A request to the collector in its raw form. */
export interface Received {
  readonly path: string;
  readonly body: Buffer;
}
/** Its spans; none if it has metrics. */
export const spansIn = ({ path, body }: Received): readonly ReceivedSpan[] =>
  path === '/v1/traces' ? spansOf(body) : [];

/** A collector for tests. It accepts OTLP over HTTP as protobuf. */
export async function otlpReceiver(
  onReceived: (request: Received) => void,
): Promise<{ readonly endpoint: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      onReceived({ path: request.url ?? '', body: Buffer.concat(chunks) });
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
