import kafkajs from 'kafkajs';
import { expect, it } from 'vitest';
import { logCreator, type LogEntry } from './logging.ts';
import type { KafkaLogger } from './options.ts';

function logged(level: kafkajs.logLevel, message: string, extra: object = {}): { lines: unknown[]; seen: LogEntry[] } {
  const lines: unknown[] = [];
  const seen: LogEntry[] = [];
  const line = (name: string) => (fields: object, text: string) => void lines.push([name, fields, text]);
  const logger: KafkaLogger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  logCreator(logger, (entry) => seen.push(entry))(level)({
    namespace: 'Runner',
    level,
    label: '',
    log: { timestamp: '', message, ...extra },
  });
  return { lines, seen };
}

it('passes on names and types, and nothing that could be a key, a value or a stack', () => {
  const { lines } = logged(
    kafkajs.logLevel.ERROR,
    'Invalid message without value for topic "t": {"key":"member-4711"}',
    {
      groupId: 'g',
      topic: 't',
      partition: 3,
      offset: '7',
      stack: 'member-4711',
      payload: { key: 'member-4711' },
      error: new RangeError('member-4711'),
    },
  );
  expect(lines).toEqual([
    [
      'warn',
      { groupId: 'g', topic: 't', partition: 3, errorType: 'RangeError' },
      'kafkajs Runner: Invalid message without value for topic …',
    ],
  ]);
});

it('logs lines that are not faults at debug level, and drops expected ones', () => {
  expect(logged(kafkajs.logLevel.INFO, 'Consumer has joined the group').lines).toEqual([
    ['debug', {}, 'kafkajs Runner: Consumer has joined the group'],
  ]);
  expect(
    logged(kafkajs.logLevel.WARN, 'Limiting retries for the idempotent producer may invalidate EoS guarantees').lines,
  ).toEqual([]);
});

it('passes every line to onLog', () => {
  expect(
    logged(kafkajs.logLevel.ERROR, 'Offset out of range, resetting to default offset', {
      topic: 't',
      partition: 1,
      groupId: 'g',
    }).seen,
  ).toEqual([
    {
      message: 'Offset out of range, resetting to default offset',
      topic: 't',
      partition: 1,
      error: undefined,
    },
  ]);
});
