import { expect, test } from 'vitest';
import { isMarked, MARK } from './marks.ts';

test.each(Object.entries(MARK))('%s is found in a sentence, a URL, and in hex', (_kind, mark) => {
  for (const text of [`about ${mark}.`, `/fhir/x?y=${encodeURIComponent(mark)}`, mark.toUpperCase(), `x${Buffer.from(mark.toLowerCase()).toString('hex')}x`]) expect(isMarked(text), text).toBe(true);
});
test.each(['', 'a', 'ab'])('a long one is found in base64, wherever it begins', (before) => {
  for (const mark of [MARK.member, MARK.card, MARK.birthDate, MARK.ssn]) expect(isMarked(Buffer.from(`${before}${mark}c`).toString('base64')), mark).toBe(true);
});
test('other text is not', () => {
  for (const text of ['m-000001', '1970-01-01', 'resources_records_v1', '4bf92f3577b34da6a3ce929d0e0e4736']) expect(isMarked(text)).toBe(false);
});
