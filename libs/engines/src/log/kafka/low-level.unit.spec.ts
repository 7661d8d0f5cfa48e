import { createRequire } from 'node:module';
import { afterEach, expect, it, vi } from 'vitest';
import { protocolError } from './low-level.ts';

const require = createRequire(import.meta.url);
interface Queue {
  throttledUntil: number;
  push(request: object): void;
  fulfillRequest(answer: object): void;
  checkPendingRequests(): void;
  scheduleRequestTimeoutCheck(): void;
  destroy(): void;
}
const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => Queue;

afterEach(() => void vi.useRealTimers());

it(
  'a connection of kafkajs without requests sets no timer, and one that is throttled sends what waits when the ' +
    'throttling ends',
  async () => {
    vi.useFakeTimers();
    const logger = { debug: () => undefined };
    const queue = new RequestQueue({
      logger,
      requestTimeout: 1000,
      maxInFlightRequests: null,
      enforceRequestTimeout: false,
      isConnected: () => true,
      clientId: 'test',
      broker: 'b',
    });
    queue.checkPendingRequests();
    expect(vi.getTimerCount()).toBe(0);
    queue.throttledUntil = Date.now() + 500;
    const sendRequest = vi.fn();
    const entry = {
      apiKey: 3,
      apiName: 'Metadata',
      apiVersion: 1,
      correlationId: 1,
      resolve: () => undefined,
      reject: () => undefined,
    };
    queue.push({ entry, expectResponse: true, requestTimeout: null, sendRequest });
    await vi.advanceTimersByTimeAsync(499);
    expect(sendRequest).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(sendRequest).toHaveBeenCalledOnce();
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 });
    expect(vi.getTimerCount()).toBe(0);
  },
);

it('all connections of kafkajs share the timer that looks for requests without an answer', async () => {
  vi.useFakeTimers();
  const connected = [true, true, true];
  const failures: string[] = [];
  const queues = connected.map((_, i) => {
    const queue = new RequestQueue({
      logger: { debug: () => undefined },
      requestTimeout: 1000,
      maxInFlightRequests: null,
      enforceRequestTimeout: true,
      isConnected: () => connected[i]!,
      clientId: 'test',
      broker: 'b',
    });
    queue.scheduleRequestTimeoutCheck();
    return queue;
  });
  expect(vi.getTimerCount()).toBe(1);
  const ask = (i: number, requestTimeout: number | null): void => {
    const reject = ({ name }: Error): void => void failures.push(`${i} ${name}`);
    const entry = { apiKey: 3, apiName: 'Metadata', apiVersion: 1, correlationId: 1, resolve: () => undefined, reject };
    queues[i]!.push({ entry, expectResponse: true, requestTimeout, sendRequest: () => undefined });
  };
  ask(0, null);
  ask(1, 3000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(failures).toEqual([]);
  await vi.advanceTimersByTimeAsync(250);
  expect(failures).toEqual(['0 KafkaJSRequestTimeoutError']);
  connected[1] = false;
  await vi.advanceTimersByTimeAsync(250);
  queues[0]!.destroy();
  expect(vi.getTimerCount()).toBe(1);
  queues[2]!.destroy();
  expect(vi.getTimerCount()).toBe(0);
});

it('knows the word of the protocol for a sentence of the log, and none for anything else', () => {
  const sentence = 'Messages are rejected since there are fewer in-sync replicas than required';
  expect(protocolError(sentence)).toBe('NOT_ENOUGH_REPLICAS');
  for (const other of [undefined, '', 'Not authorized: member m-1']) expect(protocolError(other)).toBeUndefined();
});
