import { expect, it } from 'vitest';

import { EXPORT_TYPES, parseExportType } from './export-type.ts';

it.each([
  ['hl7.fhir.us.davinci-pdex#provider-snapshot', false, { ok: true, exportType: 'provider-snapshot' }],
  ['hl7.fhir.us.davinci-pdex%23provider-download', false, { ok: true, exportType: 'provider-download' }],
  ['provider-download', false, { ok: true, exportType: 'provider-download' }],
  ['provider-delta', true, { ok: true, exportType: 'provider-delta' }],
  ['provider-delta', false, { ok: false, reason: 'needs-since' }],
  [undefined, true, { ok: true, exportType: 'provider-delta' }],
  [undefined, false, { ok: true, exportType: 'provider-download' }],
  ['hl7.fhir.us.davinci-atr', false, { ok: false, reason: 'needs-types' }],
  ['everything', false, { ok: false, reason: 'unknown' }],
  ['', false, { ok: false, reason: 'unknown' }],
  ['constructor', false, { ok: false, reason: 'unknown' }],
] as const)('exportType %s, since %s', (value, since, expected) => {
  expect(parseExportType(value, { since })).toEqual(expected);
});

it('returns the attribution list for its types, and reads every code that it publishes', () => {
  expect(
    parseExportType('hl7.fhir.us.davinci-atr', { since: false, types: ['Group', 'Patient', 'Coverage', 'Location'] }),
  ).toEqual({ ok: true, exportType: 'attribution-list' });
  for (const [exportType, code] of Object.entries(EXPORT_TYPES)) {
    expect(parseExportType(code, { since: true, types: ['Group', 'Patient', 'Coverage'] })).toEqual({
      ok: true,
      exportType,
    });
  }
});
