import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { MARK, markIn } from './marks.ts';

test.each(Object.entries(MARK))('%s is found in a sentence, a URL, and in hex', (_kind, mark) => {
  for (const text of [
    `about ${mark}.`,
    `/fhir/x?y=${encodeURIComponent(mark)}`,
    mark.toUpperCase(),
    `x${Buffer.from(mark.toLowerCase()).toString('hex')}x`,
  ])
    expect(markIn(text), text).toBeDefined();
});
test.each(['', 'a', 'ab'])('a long one is found in base64, wherever it begins', (before) => {
  for (const mark of [MARK.member, MARK.card, MARK.birthDate, MARK.ssn])
    expect(markIn(Buffer.from(`${before}${mark}c`).toString('base64')), mark).toBeDefined();
});
test('reports a finding with the text around it', () => {
  expect(markIn(`${'x'.repeat(500)} reason: ${MARK.reason} at ${'y'.repeat(500)}`)).toMatch(
    /^x+ reason: Zqxjvkreason at y+$/,
  );
});
test('other text is not', () => {
  for (const text of ['m-000001', '1970-01-01', 'resources_records_v1', '4bf92f3577b34da6a3ce929d0e0e4736'])
    expect(markIn(text)).toBeUndefined();
});
test('nor are ids and keys, as many as a long run has', () => {
  const random = Buffer.concat(
    Array.from({ length: 100_000 }, (_, i) => createHash('sha256').update(String(i)).digest()),
  );
  for (const encoding of ['latin1', 'hex', 'base64url'] as const)
    expect(markIn(random.toString(encoding)), encoding).toBeUndefined();
});
