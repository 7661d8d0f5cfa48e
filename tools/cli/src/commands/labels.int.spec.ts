import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readCodeList } from '@provider-access/domain/pdex/labels';
import { run } from '../program.ts';

const row = (system: string, code: string): string =>
  `- system: ${system}\n  code: ${code}\n  startDate: 1970-01-01\n  endDate: 9999-12-31\n`;
/** The form of CMS's file, with made-up codes. */
const CMS =
  row('http://www.ama-assn.org/go/cpt', '00000') +
  row('http://hl7.org/fhir/sid/icd-10-cm', 'F11.20') +
  row('http://hl7.org/fhir/sid/icd-9-cm', '303.00');

let folder = '';
let said = '';
let warned = '';
const at = (name: string): string => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'labels-'));
  [said, warned] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((said += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((warned += String(text)), true));
  writeFileSync(at('cms.yml'), CMS);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

test('R15 pa labels import writes a list with the codes of CPT that the services can read', async () => {
  expect(await run(['labels', 'import', at('cms.yml'), '--list', '2026-08-22', '--out', at('list.json')])).toBe(0);
  expect(said).toContain('3 codes, list 2026-08-22');
  expect(statSync(at('list.json')).mode & 0o777).toBe(0o600);
  const read = readCodeList(readFileSync(at('list.json'), 'utf8'));
  expect(read).toMatchObject({ ok: true, policy: { list: '2026-08-22', default: false } });
  expect(read.ok && read.policy.entries.flatMap(({ codes }) => codes)).toEqual(['00000', 'F11.20', '303.00']);
});

test.each([[[]], [['--json']]])('R15 without --out the list is on standard output %j', async (more) => {
  expect(await run([...more, 'labels', 'import', at('cms.yml'), '--list', '2026-08-22'])).toBe(0);
  expect(readCodeList(said)).toMatchObject({ ok: true });
});

test.each([
  [['cms.yml', '--list', '#'], /--list is a date or a name/],
  [['cms.yml'], /--list/],
  [['nothing.yml', '--list', 'a'], /nothing\.yml cannot be read \(ENOENT\)/],
  [['.', '--list', 'a'], /cannot be read \(EISDIR\)/],
  [['wrong.yml', '--list', 'a'], /entry 4 has a member other/],
  [['cms.yml', '--list', 'a', '--out', 'link.json'], /symbolic link/],
])('R15 pa labels import %j exits 2 and writes nothing', async ([name = '', ...more], sentence) => {
  writeFileSync(at('wrong.yml'), `${CMS}${row('urn:x', 'A')}  label: HIV\n`);
  symlinkSync(at('elsewhere.json'), at('link.json'));
  const args = more.map((arg) => (arg === 'link.json' ? at(arg) : arg));
  expect(await run(['labels', 'import', at(name), ...args])).toBe(2);
  expect(warned).toMatch(sentence);
  expect(said).toBe('');
  expect(statSync(at('elsewhere.json'), { throwIfNoEntry: false })).toBeUndefined();
});
