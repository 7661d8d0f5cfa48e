import { expect, test } from 'vitest';
import { IMPORT_KINDS, NO_MAP } from '@provider-access/full-files';
import { fileAt } from '../import/file-faults.ts';
import { fullFileOf } from './full-import.ts';

test('A71 a list of ends is of opt-outs alone', () => {
  const file = { file: fileAt('roster.csv'), kind: IMPORT_KINDS.roster, map: NO_MAP, time: '2026-11-01T00:00:00Z' };
  const options = { source: 'north-mso', asOf: '2026-11-01', ends: 'absent.csv' };
  expect(() => fullFileOf('roster', file, options)).toThrow(/--ends belongs to opt-outs/);
});
