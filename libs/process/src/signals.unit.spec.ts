import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { EngineUnavailable } from '@provider-access/engines/log';
import { silentLogger } from '@provider-access/service/observability';
import { eventually } from '@provider-access/testing';
import { isConfigurationFault, isEngineAway, traceOf } from './faults.ts';
import { endOnSignals, surviveRejections, type Signals } from './signals.ts';

class FakeProcess implements Signals {
  readonly codes: number[] = [];
  readonly #emitter = new EventEmitter();
  on(event: string, listener: (...args: never[]) => void): void {
    this.#emitter.on(event, listener as () => void);
  }
  emit(event: string, ...args: unknown[]): void {
    this.#emitter.emit(event, ...args);
  }
  exit(code: number): void {
    this.codes.push(code);
  }
}

test('SIGTERM stops and ends with 0', async () => {
  const signals = new FakeProcess();
  const stop = vi.fn(async () => undefined);
  endOnSignals({ stop, withinMs: 60_000, logger: silentLogger, signals });
  signals.emit('SIGTERM');
  await eventually(() => signals.codes.length > 0);
  expect([signals.codes, stop.mock.calls.length]).toEqual([[0], 1]);
});

test.each([
  ['SIGTERM', 'SIGTERM', 143],
  ['SIGINT', 'SIGINT', 130],
  ['SIGTERM', 'SIGINT', 130],
])('%s and then %s end at once', (first, second, code) => {
  const signals = new FakeProcess();
  endOnSignals({ stop: () => new Promise(() => undefined), withinMs: 60_000, logger: silentLogger, signals });
  signals.emit(first);
  expect(signals.codes).toEqual([]);
  signals.emit(second);
  expect(signals.codes).toEqual([code]);
});

test.each([
  ['takes too long', () => new Promise<void>(() => undefined)],
  ['fails', () => Promise.reject(new Error('no'))],
])('a stop that %s ends with 1', async (_how, stop) => {
  const signals = new FakeProcess();
  endOnSignals({ stop, withinMs: 5, logger: silentLogger, signals });
  signals.emit('SIGTERM');
  await eventually(() => signals.codes.length > 0);
  expect(signals.codes).toEqual([1]);
});

const named = (name: string, more: object = {}): Error => Object.assign(new Error('words'), { name, ...more });

test("a rejection that nobody handles does not end the process; an exception does, unless it is the network's", () => {
  const signals = new FakeProcess();
  const said: unknown[] = [];
  const logger = {
    ...silentLogger,
    warn: (fields: object) => void said.push(['warn', fields]),
    error: (fields: object) => void said.push(['error', fields]),
  } as unknown as typeof silentLogger;
  surviveRejections(logger, signals);
  signals.emit('unhandledRejection', named('KafkaJSConnectionError'));
  signals.emit('unhandledRejection', new TypeError('member m1'));
  signals.emit('uncaughtException', named('Error', { code: 'ECONNRESET' }));
  expect(signals.codes).toEqual([]);
  signals.emit('uncaughtException', new TypeError('member m1'));
  expect(signals.codes).toEqual([1]);
  expect(said.map((each) => (each as [string])[0])).toEqual(['warn', 'error', 'warn', 'error']);
  expect(JSON.stringify(said)).not.toMatch(/\bm1\b/);
});

test.each([
  [new EngineUnavailable('x'), true],
  [named('KafkaJSNumberOfRetriesExceeded'), true],
  [named('MongoServerSelectionError'), true],
  [named('Error', { code: 'ECONNREFUSED' }), true],
  [new Error('wrapped', { cause: named('Error', { code: 'ETIMEDOUT' }) }), true],
  [new TypeError('x'), false],
  ['text', false],
  [undefined, false],
])('%s: an engine is away: %s', (error, away) => {
  expect(isEngineAway(error)).toBe(away);
});

test('a missing result of an administration step is a fault of configuration', () => {
  expect(isConfigurationFault(named('MissingIndexes'))).toBe(true);
  expect(isConfigurationFault(new EngineUnavailable('x'))).toBe(false);
  expect(traceOf(new TypeError('member m1'))).toMatchObject({ error: 'TypeError' });
  expect(JSON.stringify(traceOf(new TypeError('member m1')))).not.toMatch(/\bm1\b/);
});
