import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CliError } from '../output.ts';
import { readItems, type Item } from './sources.ts';

let dir: string;
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'pa-sources-'))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, content: string | Uint8Array): string => {
  const file = join(dir, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, content);
  return file;
};
async function read(path: string, input?: readonly string[]): Promise<Item[]> {
  const items: Item[] = [];
  const stdin = async function* (): AsyncGenerator<Uint8Array> {
    for (const chunk of input ?? []) yield Buffer.from(chunk);
  };
  for await (const item of readItems(path, 'urn:test', '2026-01-01T00:00:00.000Z', stdin())) items.push(item);
  return items;
}
const told = (items: readonly Item[]): string[] => items.map((item) => (item.ok ? item.about : `${item.place}: ${item.reason}`));
const patient = (id: string): string => JSON.stringify({ resourceType: 'Patient', id });
const event = JSON.stringify({ specversion: '1.0', id: 'e1', source: 's', type: 'payer.member-opted-out.v1', subject: 'm', data: { scope: 'global' } });

describe('what can be published', () => {
  test('NDJSON of resources and events; broken lines are told by number and those behind them go on', async () => {
    const file = write('mixed.ndjson', `${patient('a')}\n\n{"resourceType":\n42\n{"x":1}\r\n${event}\n${patient('b')}`);
    expect(told(await read(file))).toEqual(['Patient/a', 'mixed.ndjson:3: not JSON', 'mixed.ndjson:4: neither a CloudEvent nor a FHIR resource', 'mixed.ndjson:5: neither a CloudEvent (specversion) nor a FHIR resource (resourceType)', 'payer.member-opted-out.v1', 'Patient/b']);
  });

  test('an event goes as it is written, byte by byte', async () => {
    const spaced = event.replace('{"specversion"', '{ "specversion"');
    expect(await read(write('event.ndjson', spaced))).toMatchObject([{ ok: true, line: spaced, event: 'e1' }]);
  });

  test('U+2028 in a text ends no line', async () => {
    expect(told(await read(write('separator.ndjson', `{"resourceType":"Patient","id":"a","name":[{"text":"\u2028"}]}\n${patient('b')}\n`)))).toEqual(['Patient/a', 'Patient/b']);
  });

  test('one JSON text over many lines, a list, and broken JSON', async () => {
    const pretty = JSON.stringify({ resourceType: 'Patient', id: 'a' }, null, 2);
    expect(told(await read(write('pretty.json', pretty)))).toEqual(['Patient/a']);
    expect(told(await read(write('list.json', `[${patient('a')},${patient('b')},7]`)))).toEqual(['Patient/a', 'Patient/b', 'list.json:1 item 3: neither a CloudEvent nor a FHIR resource']);
    expect(told(await read(write('broken.json', '{\n"resourceType":')))).toEqual(['broken.json:1: not JSON', 'broken.json:2: not JSON']);
    expect(told(await read(write('first.ndjson', `oops\n${patient('b')}\n`)))).toEqual(['first.ndjson:1: not JSON', 'Patient/b']);
  });

  test('gzip by name, also a document; a cut or wrong gzip is told and loses nothing before it', async () => {
    expect(told(await read(write('p.ndjson.gz', gzipSync(`${patient('a')}\n${patient('b')}\n`))))).toEqual(['Patient/a', 'Patient/b']);
    expect(told(await read(write('p.json.gz', gzipSync(JSON.stringify({ resourceType: 'Patient', id: 'c' }, null, 2)))))).toEqual(['Patient/c']);
    expect(told(await read(write('wrong.ndjson.gz', 'no gzip')))).toEqual([expect.stringMatching(/^wrong.ndjson.gz: cannot be read to its end/)]);
    const lines = Array.from({ length: 20_000 }, (_, i) => patient(`p${(i * 7919) % 104_729}`)).join('\n');
    const cut = gzipSync(lines);
    const items = await read(write('cut.ndjson.gz', cut.subarray(0, cut.length - 2000)));
    expect(items.length).toBeGreaterThan(1000);
    expect(items.at(-1)).toMatchObject({ ok: false, reason: expect.stringContaining('cannot be read to its end') as string });
  });

  test('standard input, as NDJSON and as a Bundle', async () => {
    expect(told(await read('-', [`${patient('a')}\n${patient('b').slice(0, 9)}`, patient('b').slice(9)]))).toEqual(['Patient/a', 'Patient/b']);
    expect(told(await read('-', ['{"resourceType":"Bundle",\n"entry":[', `{"resource":${patient('a')}}]}`]))).toEqual(['Patient/a']);
  });

  test('a Bundle by urn:uuid: members first, Provenance last, ids from fullUrl, references follow', async () => {
    const bundle = {
      resourceType: 'Bundle', type: 'transaction', entry: [
        { fullUrl: 'urn:uuid:v-1', resource: { resourceType: 'Provenance', target: [{ reference: 'urn:uuid:c-1' }] } },
        { fullUrl: 'urn:uuid:c-1', resource: { resourceType: 'Condition', subject: { reference: 'urn:uuid:p-1' } } },
        { fullUrl: 'urn:uuid:p-1', resource: { resourceType: 'Patient', id: 'own-id' } },
        { request: { method: 'DELETE' } },
        { fullUrl: 'urn:uuid:x', resource: { resourceType: 'Observation', subject: { reference: 'urn:uuid:nobody' } } },
      ],
    };
    const items = await read(write('bundle.json', JSON.stringify(bundle, null, 1)));
    expect(told(items)).toEqual(['Patient/own-id', 'Condition/c-1', 'bundle.json entry 5: Observation.subject holds no reference to Patient/<id>: nobody\'s record', 'Provenance/v-1']);
    expect(items.map((item) => (item.ok ? (JSON.parse(item.line) as { subject: string }).subject : undefined))).toEqual(['own-id', 'own-id', undefined, 'own-id']);
    expect(told(await read(write('empty.json', '{"resourceType":"Bundle"}')))).toEqual(['empty.json:1: a Bundle without resources']);
  });

  test('a folder: Patient files first, Provenance last, other files left alone', async () => {
    write('set/Observation.ndjson', JSON.stringify({ resourceType: 'Observation', id: 'o', subject: { reference: 'Patient/a' } }));
    write('set/Patient.ndjson', patient('a'));
    write('set/Provenance.ndjson', JSON.stringify({ resourceType: 'Provenance', id: 'v', target: [{ reference: 'Observation/o' }] }));
    write('set/derived/Coverage.ndjson', JSON.stringify({ resourceType: 'Coverage', id: 'c', beneficiary: { reference: 'Patient/a' } }));
    write('set/README.md', 'not data');
    expect(told(await read(join(dir, 'set')))).toEqual(['Patient/a', 'Observation/o', 'Coverage/c', 'Provenance/v']);
  });

  test('a path that is not there, and a folder without data, are the caller\'s fault', async () => {
    mkdirSync(join(dir, 'none'));
    await expect(read(join(dir, 'nosuch'))).rejects.toThrow(CliError);
    await expect(read(join(dir, 'none'))).rejects.toThrow(/holds no/);
  });
});
