import { expect, test } from 'vitest';
import { logFormatOf, logLine } from './log-line.ts';

const record = { level: 40, time: '2026-11-29T12:00:00.000Z', name: 'auth', msg: 'a sentence' } as const;

test('is one JSON object, or a sentence with its time, level and fields', () => {
  expect(JSON.parse(logLine('json', { ...record, attempt: 2 }))).toEqual({ ...record, attempt: 2 });
  expect(logLine('text', record)).toMatch(/^\d\d:\d\d:00 warning: a sentence\n$/);
  expect(logLine('text', { ...record, level: 50, attempt: 2, detail: 'Kafka', of: ['a'] })).toMatch(
    /^\d\d:\d\d:00 error: a sentence \(attempt=2, detail=Kafka, of=\["a"\]\)\n$/,
  );
});

test('stays one line, whatever a value holds', () => {
  const line = logLine('text', { ...record, msg: 'one\ntwo\u001b[2J', detail: 'x\r\ny' });
  expect(line.trimEnd()).not.toMatch(/\p{Cc}/u);
  expect(logLine('json', { ...record, msg: 'one\ntwo' }).trimEnd()).not.toContain('\n');
});

test('LOG_FORMAT counts where it is one of the two', () => {
  expect([logFormatOf('json', 'text'), logFormatOf('yaml', 'text'), logFormatOf(undefined, 'json')]).toEqual([
    'json',
    'text',
    'json',
  ]);
});
