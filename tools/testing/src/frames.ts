/** Wire protocols whose requests and answers the proxy can tell apart. */
export type Protocol = 'kafka' | 'mongo';

export interface FrameId {
  /** The id of this message as a request. */
  readonly own: number;
  /** The id of the request that it answers. */
  readonly answered: number;
}

/**
 * Kafka (https://kafka.apache.org/protocol): int32 length of what follows, then in a request int16 api key, int16
 * version, int32 correlation id; in an answer int32 correlation id. MongoDB (wire protocol): int32 LE length with
 * itself, int32 LE request id, int32 LE response to.
 */
const HEADERS = {
  kafka: {
    bytes: 12,
    least: 8,
    length: (b: Buffer) => b.readInt32BE(0) + 4,
    id: (b: Buffer): FrameId => ({ own: b.length >= 12 ? b.readInt32BE(8) : -1, answered: b.readInt32BE(4) }),
  },
  mongo: {
    bytes: 16,
    least: 16,
    length: (b: Buffer) => b.readInt32LE(0),
    id: (b: Buffer): FrameId => ({ own: b.readInt32LE(4), answered: b.readInt32LE(8) }),
  },
};

/**
 * Cuts a stream into whole messages. Without a protocol, each chunk counts as one. The stream ends at a message for
 * which `keep` is false.
 */
export class Frames {
  readonly #protocol: Protocol | undefined;
  readonly #keep: (frame: Buffer, id: FrameId) => boolean;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #stopped = false;

  /** True after a message was not kept: nothing comes after it. */
  get stopped(): boolean {
    return this.#stopped;
  }

  constructor(protocol: Protocol | undefined, keep: (frame: Buffer, id: FrameId) => boolean) {
    this.#protocol = protocol;
    this.#keep = keep;
  }

  push(chunk: Buffer): Buffer[] {
    if (this.#stopped) return [];
    if (!this.#protocol) return this.#offer(chunk, { own: 0, answered: 0 }) ? [chunk] : [];
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const header = HEADERS[this.#protocol];
    const whole: Buffer[] = [];
    while (this.#bytes >= 4) {
      if (this.#chunks[0]!.length < 4) this.#chunks = [Buffer.concat(this.#chunks)];
      const length = header.length(this.#chunks[0]!);
      if (length < header.least) throw new Error(`Not the ${this.#protocol} protocol: a message of ${length} bytes.`);
      if (this.#bytes < length) break;
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      const frame = all.subarray(0, length);
      this.#chunks = all.length > length ? [all.subarray(length)] : [];
      this.#bytes = all.length - length;
      if (!this.#offer(frame, header.id(frame))) return whole;
      whole.push(frame);
    }
    return whole;
  }

  /** The rest of a message that never became complete. */
  rest(): Buffer[] {
    const rest = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    return rest;
  }

  #offer(frame: Buffer, id: FrameId): boolean {
    if (this.#keep(frame, id)) return true;
    this.#stopped = true;
    this.rest();
    return false;
  }
}

/** Api keys of the Kafka requests that tests use (https://kafka.apache.org/protocol#protocol_api_keys). */
export const KAFKA_API = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  offsetCommit: 8,
  joinGroup: 11,
  heartbeat: 12,
  syncGroup: 14,
  createTopics: 19,
  initProducerId: 22,
} as const;

/** The api key of a whole Kafka request. */
export function kafkaRequest(frame: Buffer): number {
  return frame.readInt16BE(4);
}

/**
 * The command of a whole, uncompressed OP_MSG, e.g. `insert`: the name of the first element of its body; undefined for
 * other messages.
 */
export function mongoCommand(frame: Buffer): string | undefined {
  const OP_MSG = 2013;
  // Header 16, flags 4, section kind 1, document length 4, element type 1, then the name up to a zero byte.
  const name = 26;
  if (frame.length < name || frame.readInt32LE(12) !== OP_MSG || frame[20] !== 0) return undefined;
  return frame.toString('utf8', name, frame.indexOf(0, name));
}

/**
 * A command and what it is about, e.g. `find views` or `ping`, of a whole, uncompressed OP_MSG; undefined for other
 * messages.
 */
export function mongoTarget(frame: Buffer): string | undefined {
  const command = mongoCommand(frame);
  if (command === undefined) return undefined;
  const STRING = 2;
  const value = 26 + command.length + 1;
  return frame[25] === STRING
    ? `${command} ${frame.toString('utf8', value + 4, value + 4 + frame.readInt32LE(value) - 1)}`
    : command;
}
