import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Frames, type Protocol } from './frames.ts';
import { freePort, LOOPBACK } from './ports.ts';
import { Stream } from './proxy-stream.ts';

/** `requests`: from the client to the server. `answers`: back. */
type Direction = 'requests' | 'answers';

/**
 * A whole request: a Kafka request with its 4 byte length, or a MongoDB message with its header. Without a protocol, it
 * is whatever arrived in one piece. See `kafkaRequest` and `mongoCommand`.
 */
type RequestPredicate = (request: Buffer) => boolean;

export interface TcpProxyOptions {
  readonly target: { readonly host?: string; readonly port: number };
  /**
   * With a protocol, `dropAnswers` knows which answer belongs to which request, and `loseRequests` where a request
   * begins.
   */
  readonly protocol?: Protocol;
}

export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** Open connections. */
  connections(): number;
  /**
   * Bytes are held for now, on new connections too. Nothing passes, not even the end of a connection, and no side is
   * notified.
   */
  pause(direction?: Direction): void;
  /** Held bytes pass in their order. */
  resume(direction?: Direction): void;
  /** Delays everything by so many milliseconds, in order; 0 ends it for later bytes. */
  delay(ms: number, direction?: Direction): void;
  /** Resets all open connections, at both ends. New ones are served. */
  cut(): void;
  /**
   * The next `n` requests, or every request for which the predicate is true, reach the server. The proxy drops the
   * answer and closes the connection after the earlier answers. `dropAnswers(0)` ends it. `dropped()` counts.
   */
  dropAnswers(which: number | RequestPredicate): void;
  dropped(): number;
  /**
   * Every request for which the predicate is true is lost with its connection, so the server never gets it. A call
   * without a predicate ends it.
   */
  loseRequests(which?: RequestPredicate): void;
  lost(): number;
  /** New connections are refused (nothing listens) until `accept`. Open ones stay. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Resets everything and frees the port. */
  close(): Promise<void>;
}

interface Pair {
  readonly requests: Stream;
  readonly answers: Stream;
  reset(): void;
}

/**
 * A TCP proxy in front of a server. A test uses it to cause faults of the network. It forwards everything unchanged
 * until a test asks for a fault.
 */
export async function tcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const port = await freePort();
  const pairs = new Set<Pair>();
  const delays = { requests: 0, answers: 0 };
  const paused = { requests: false, answers: false };
  let drops = 0;
  let predicate: RequestPredicate | undefined;
  let dropped = 0;
  let loses: RequestPredicate | undefined;
  let lost = 0;

  const shouldDrop = (request: Buffer): boolean => {
    if (predicate) return predicate(request);
    if (drops === 0) return false;
    drops -= 1;
    return true;
  };

  const serve = (client: Socket) => {
    const server = connect({ host: options.target.host ?? LOOPBACK, port: options.target.port, allowHalfOpen: true });
    client.setNoDelay(true);
    server.setNoDelay(true);
    const awaited = new Set<number>();
    const requests = new Frames(options.protocol, (frame, id) => {
      if (loses?.(frame) === true) {
        lost += 1;
        return false;
      }
      if (shouldDrop(frame)) awaited.add(id.own);
      return true;
    });
    const answers = new Frames(options.protocol, (_, id) => {
      if (awaited.size === 0 || (options.protocol && !awaited.has(id.answered))) return true;
      dropped += 1;
      return false;
    });
    const pair: Pair = {
      requests: new Stream(client, server, requests, delays.requests, paused.requests),
      answers: new Stream(server, client, answers, delays.answers, paused.answers),
      reset() {
        pairs.delete(pair);
        for (const stream of [pair.requests, pair.answers]) stream.abandon();
        for (const socket of [client, server]) socket.resetAndDestroy();
      },
    };
    pairs.add(pair);
    const gone = () => client.destroyed && server.destroyed && pairs.delete(pair);
    client.on('close', gone);
    server.on('close', gone);
  };

  const listener = createServer({ allowHalfOpen: true }, serve);
  const accept = async () => {
    if (listener.listening) return;
    listener.listen(port, LOOPBACK);
    await once(listener, 'listening');
  };
  const refuse = async () => {
    if (!listener.listening) return;
    listener.close();
    // The port is free when the handle is closed, which is before the last connection ends.
    await sleep(0);
  };
  const directions = (direction?: Direction): Direction[] => (direction ? [direction] : ['requests', 'answers']);
  await accept();
  return {
    host: LOOPBACK,
    port,
    connections: () => pairs.size,
    pause(direction) {
      for (const name of directions(direction)) {
        paused[name] = true;
        for (const pair of pairs) pair[name].pause();
      }
    },
    resume(direction) {
      for (const name of directions(direction)) {
        paused[name] = false;
        for (const pair of pairs) pair[name].resume();
      }
    },
    delay(ms, direction) {
      for (const name of directions(direction)) {
        delays[name] = ms;
        for (const pair of pairs) pair[name].delay(ms);
      }
    },
    cut() {
      for (const pair of [...pairs]) pair.reset();
    },
    dropAnswers(which) {
      predicate = typeof which === 'number' ? undefined : which;
      drops = typeof which === 'number' ? which : 0;
    },
    dropped: () => dropped,
    loseRequests(which) {
      loses = which;
    },
    lost: () => lost,
    refuse,
    accept,
    async close() {
      await refuse();
      for (const pair of [...pairs]) pair.reset();
    },
  };
}
