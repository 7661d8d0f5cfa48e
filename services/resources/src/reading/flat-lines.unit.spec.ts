import { toStructured } from '@provider-access/events';
import { syntheticPayer } from '@provider-access/synthetic';
import { cases, Random, seed } from '@provider-access/testing/search';
import { expect, it } from 'vitest';
import { condition, event, patient } from '../../test/harness.ts';
import { PackedTail } from '../domain/packed-tail.ts';
import type { JudgeOptions } from '../domain/judge.ts';
import { Packer, unpacked } from './packed.ts';
import { type ReceivedLine, receiveLine } from './receive-line.ts';

const JUDGING: JudgeOptions = { now: Date.UTC(2026, 10, 1), floor: '2016-01-01', publicUrl: 'https://payer.example' };
const AT = '2025-01-01T00:00:00Z';
const label = { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' };
const of = (id: string, more: object = {}): object => condition('m1', id, more);

const SYNTHETIC = [...syntheticPayer({ seed, members: 3, asOf: '2026-11-01T00:00:00Z' }).events()].map((one) =>
  JSON.stringify(toStructured(one)),
);
/** What few events are, or have. */
const RARE = [
  event({ id: 'm1', subject: 'm1', resource: of('c1') }),
  event({ id: 'payer.resource-recorded.v1', subject: 'm1', resource: of('c2') }),
  { ...event({ id: AT, subject: 'm1', resource: of('c3') }), time: AT },
  { ...event({ id: 'r-1', subject: 'm1', resource: of('c4') }), traceparent: '00-a', another: 'text' },
  { ...event({ id: 'e5', subject: 'm1', resource: of('c5') }), constructor: 'x' },
  event({ id: 'e6', subject: 'm1', resource: of('c6', { meta: { security: [label], lastUpdated: AT } }) }),
  event({ id: 'e7', subject: 'm1', resource: of('c7', { note: [{ text: 'It cost $12.50' }] }) }),
  event({ id: 'e8', subject: 'm1', resource: of('c8', { meta: { lastUpdated: AT } }) }),
  event({ id: 'e9', subject: 'm1', resource: of('c9', { code: { text: 'Müller – 東京' } }) }),
  event({
    id: 'e10',
    subject: 'm1',
    resource: of('c10', { verificationStatus: { coding: [{ code: 'entered-in-error' }] } }),
  }),
  event({ id: 'e11', subject: 'm1', resource: of('c11', { asserter: { reference: 'Practitioner?identifier=1' } }) }),
  event({ id: 'e12', subject: 'm2', resource: patient('m1') }),
  event({ id: 'e13', subject: 'm1', type: 'payer.member-opted-out.v1', data: {} }),
  event({ id: 'e14', subject: 'm1', type: 'payer.members-merged.v1', data: { from: 'm0' } }),
  event({ id: 'e15', subject: 'm1', type: 'payer.resource-deleted.v1', data: { resourceType: 'Condition', id: 'c1' } }),
  { ...event({ id: 'e16', subject: 'm1', resource: of('c16') }), time: '2999-01-01T00:00:00Z' },
  { ...event({ id: 'e17', subject: 'm1', resource: of('c17') }), source: '' },
].map((one) => JSON.stringify(one));
const NO_EVENTS = ['', '  ', '{', '[]', '\u0000'];

const read = (text: string, judging: JudgeOptions | undefined): ReceivedLine =>
  receiveLine(Buffer.from(text), 'r-1', judging);
function packedAndUnpacked(texts: readonly string[], judging?: JudgeOptions) {
  const packer = new Packer<ReceivedLine>();
  for (const text of texts) packer.add(read(text, judging));
  const message = structuredClone(packer.packed());
  // A line that is not flat is one object of the message.
  const isLine = (cell: unknown): boolean => typeof cell === 'object' && Object.hasOwn(cell!, 'kind');
  return { lines: unpacked<ReceivedLine>(message), copied: message.readings.filter(isLine).length };
}
/** With the end of its content as a text, and values as arrays, which is all that the way changes. */
function plain(line: ReceivedLine): unknown {
  if (line.kind !== 'accepted') return line;
  const value = line.value instanceof Uint8Array ? [...line.value] : line.value;
  const judgement = line.reading?.judgement;
  if (judgement?.kind !== 'accept') return { ...line, value };
  const content = { ...judgement.content, tail: String(judgement.content.tail) };
  return { ...line, value, reading: { ...line.reading, judgement: { ...judgement, content } } };
}

it.each([
  ['judged', JUDGING],
  ['without our own URL', { ...JUDGING, publicUrl: undefined }],
  ['without prescribed drugs', { ...JUDGING, excludesDrugs: true }],
  ['not judged', undefined],
] as const)('gives each line as it was, whatever it has and beside which others: %s', (_how, judging) => {
  const random = new Random(seed);
  for (let n = 0; n < cases(3); n++) {
    const texts = [...SYNTHETIC.filter((_, at) => at % 4 === n % 4), ...RARE, ...RARE, ...NO_EVENTS]
      .map((text) => ({ text, place: random.below(1e9) }))
      .sort((a, b) => a.place - b.place)
      .map(({ text }) => text);
    const { lines } = packedAndUnpacked(texts, judging);
    expect(lines.map(plain)).toStrictEqual(texts.map((text) => plain(read(text, judging))));
  }
});

// One in ten of many members: what providers share, and what is before the floor, make more of few members.
it('copies few lines as objects', () => {
  const { lines, copied } = packedAndUnpacked(SYNTHETIC, JUDGING);
  expect(copied / SYNTHETIC.length).toBeLessThan(0.25);
  const tails = lines.flatMap((line) =>
    line.kind === 'accepted' && line.reading?.judgement.kind === 'accept' ? [line.reading.judgement.content.tail] : [],
  );
  expect(tails.every((tail) => tail instanceof PackedTail)).toBe(true);
});
