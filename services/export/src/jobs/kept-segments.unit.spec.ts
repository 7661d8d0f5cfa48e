import type { RecordPart } from '@provider-access/records';
import { deflateSegment } from '@provider-access/jobs/files';
import { expect, it } from 'vitest';
import { KeptSegments } from './kept-segments.ts';

const RECORD = {
  member: 'shared',
  type: 'Practitioner',
  id: 'p1',
  lastUpdated: 1,
  contentHash: 'a',
  references: [],
  bytes: 30,
  labelsBy: '1',
} as unknown as RecordPart;
const segmentOf = (text: string) => deflateSegment(Buffer.from(`${text}\n`), 1);

it('gives the segment of a record again while its version is the same', () => {
  const kept = new KeptSegments();
  expect(kept.of(RECORD)).toBeUndefined();
  const segment = segmentOf('line');
  kept.keep(RECORD, segment);
  expect(kept.of({ ...RECORD })).toEqual({ ...segment, bytes: new Uint8Array(segment.bytes) });
});

it.each([
  { lastUpdated: 2 },
  { contentHash: 'b' },
  { sourceHash: 'b' },
  { bytes: 31 },
  { labelsBy: '2' },
  { member: 'm1' },
  { type: 'Organization' },
  { id: 'p2' },
])('gives no segment of a record with %o', (other) => {
  const kept = new KeptSegments();
  kept.keep(RECORD, segmentOf('line'));
  expect(kept.of({ ...RECORD, ...other })).toBeUndefined();
});

it('keeps no large segment', () => {
  const kept = new KeptSegments();
  kept.keep(RECORD, { ...segmentOf('line'), compressed: 5000 });
  expect(kept.of(RECORD)).toBeUndefined();
});
