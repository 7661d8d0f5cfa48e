import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
const summary = (items: readonly Item[]): string[] =>
  items.map((item) => (item.ok ? item.about : `${item.place}: ${item.reason}`));
const patient = (id: string): string => JSON.stringify({ resourceType: 'Patient', id });
const event = JSON.stringify({
  specversion: '1.0',
  id: 'e1',
  source: 's',
  type: 'payer.member-opted-out.v1',
  subject: 'm',
  data: { scope: 'global' },
});

describe('sources of events', () => {
  test('NDJSON of resources and events; reports broken lines by number and continues behind them', async () => {
    const file = write('mixed.ndjson', `${patient('a')}\n\n{"resourceType":\n42\n{"x":1}\r\n${event}\n${patient('b')}`);
    expect(summary(await read(file))).toEqual([
      'Patient/a',
      'mixed.ndjson:3: not JSON',
      'mixed.ndjson:4: neither a CloudEvent nor a FHIR resource',
      'mixed.ndjson:5: neither a CloudEvent (specversion) nor a FHIR resource (resourceType)',
      'payer.member-opted-out.v1',
      'Patient/b',
    ]);
  });

  test('an event goes as it is written, byte by byte', async () => {
    const spaced = event.replace('{"specversion"', '{ "specversion"');
    expect(await read(write('event.ndjson', spaced))).toMatchObject([{ ok: true, line: spaced, event: 'e1' }]);
  });

  test('U+2028 in a text ends no line', async () => {
    expect(
      summary(
        await read(
          write(
            'separator.ndjson',
            `{"resourceType":"Patient","id":"a","name":[{"text":"\u2028"}]}\n${patient('b')}\n`,
          ),
        ),
      ),
    ).toEqual(['Patient/a', 'Patient/b']);
  });

  test('one JSON text over many lines, a list, and broken JSON', async () => {
    const pretty = JSON.stringify({ resourceType: 'Patient', id: 'a' }, null, 2);
    expect(summary(await read(write('pretty.json', pretty)))).toEqual(['Patient/a']);
    expect(summary(await read(write('list.json', `[${patient('a')},${patient('b')},7]`)))).toEqual([
      'Patient/a',
      'Patient/b',
      'list.json:1 item 3: neither a CloudEvent nor a FHIR resource',
    ]);
    expect(summary(await read(write('broken.json', '{\n"resourceType":')))).toEqual([
      'broken.json:1: not JSON',
      'broken.json:2: not JSON',
    ]);
    expect(summary(await read(write('first.ndjson', `oops\n${patient('b')}\n`)))).toEqual([
      'first.ndjson:1: not JSON',
      'Patient/b',
    ]);
  });

  test('gzip by name, also a document; reports a cut or wrong gzip and loses nothing before it', async () => {
    expect(summary(await read(write('p.ndjson.gz', gzipSync(`${patient('a')}\n${patient('b')}\n`))))).toEqual([
      'Patient/a',
      'Patient/b',
    ]);
    expect(
      summary(await read(write('p.json.gz', gzipSync(JSON.stringify({ resourceType: 'Patient', id: 'c' }, null, 2))))),
    ).toEqual(['Patient/c']);
    expect(summary(await read(write('wrong.ndjson.gz', 'no gzip')))).toEqual([
      expect.stringMatching(/^wrong.ndjson.gz: cannot be read to its end/),
    ]);
    const lines = Array.from({ length: 20_000 }, (_, i) => patient(`p${(i * 7919) % 104_729}`)).join('\n');
    const cut = gzipSync(lines);
    const items = await read(write('cut.ndjson.gz', cut.subarray(0, cut.length - 2000)));
    expect(items.length).toBeGreaterThan(1000);
    expect(items.at(-1)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('cannot be read to its end') as string,
    });
  });

  test('standard input, as NDJSON and as a Bundle', async () => {
    expect(summary(await read('-', [`${patient('a')}\n${patient('b').slice(0, 9)}`, patient('b').slice(9)]))).toEqual([
      'Patient/a',
      'Patient/b',
    ]);
    expect(
      summary(await read('-', ['{"resourceType":"Bundle",\n"entry":[', `{"resource":${patient('a')}}]}`])),
    ).toEqual(['Patient/a']);
  });

  test('a Bundle by urn:uuid: members first, Provenance last, ids from fullUrl, references follow', async () => {
    const bundle = {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        { fullUrl: 'urn:uuid:v-1', resource: { resourceType: 'Provenance', target: [{ reference: 'urn:uuid:c-1' }] } },
        { fullUrl: 'urn:uuid:c-1', resource: { resourceType: 'Condition', subject: { reference: 'urn:uuid:p-1' } } },
        { fullUrl: 'urn:uuid:p-1', resource: { resourceType: 'Patient', id: 'own-id' } },
        { request: { method: 'DELETE' } },
        { fullUrl: 'urn:uuid:x', resource: { resourceType: 'Observation', subject: { reference: 'urn:uuid:nobody' } } },
      ],
    };
    const items = await read(write('bundle.json', JSON.stringify(bundle, null, 1)));
    expect(summary(items)).toEqual([
      'Patient/own-id',
      'Condition/c-1',
      "bundle.json entry 5: Observation.subject holds no reference to Patient/<id>: nobody's record",
      'Provenance/v-1',
    ]);
    expect(items.map((item) => (item.ok ? (JSON.parse(item.line) as { subject: string }).subject : undefined))).toEqual(
      ['own-id', 'own-id', undefined, 'own-id'],
    );
    expect(summary(await read(write('empty.json', '{"resourceType":"Bundle"}')))).toEqual([
      'empty.json:1: a Bundle without resources',
    ]);
  });

  test('a folder: Patient files first, Provenance last, other files left alone', async () => {
    write(
      'set/Observation.ndjson',
      JSON.stringify({ resourceType: 'Observation', id: 'o', subject: { reference: 'Patient/a' } }),
    );
    write('set/Patient.ndjson', patient('a'));
    write(
      'set/Provenance.ndjson',
      JSON.stringify({ resourceType: 'Provenance', id: 'v', target: [{ reference: 'Observation/o' }] }),
    );
    write(
      'set/derived/Coverage.ndjson',
      JSON.stringify({ resourceType: 'Coverage', id: 'c', beneficiary: { reference: 'Patient/a' } }),
    );
    write('set/README.md', 'not data');
    expect(summary(await read(join(dir, 'set')))).toEqual(['Patient/a', 'Observation/o', 'Coverage/c', 'Provenance/v']);
  });

  test("a path that is not there, and a folder without data, are the caller's fault", async () => {
    mkdirSync(join(dir, 'none'));
    await expect(read(join(dir, 'nosuch'))).rejects.toThrow(CliError);
    await expect(read(join(dir, 'none'))).rejects.toThrow(/holds no/);
  });
});

describe('conditional references', () => {
  const NPI = 'http://hl7.org/fhir/sid/us-npi';
  const practitioner = (id: string, value: string, system: string | undefined = NPI): object => ({
    resourceType: 'Practitioner',
    id,
    identifier: [{ ...(system !== undefined && { system }), value }],
  });
  const encounter = (reference: string): object => ({
    resourceType: 'Encounter',
    id: 'e',
    status: 'finished',
    class: { code: 'AMB' },
    subject: { reference: 'Patient/a' },
    participant: [{ individual: { reference } }],
  });
  const bundle = (...resources: object[]): string =>
    JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: resources.map((resource) => ({ resource })) });
  const referenceIn = (items: readonly Item[]): unknown => {
    const line = items.find((item) => item.ok && item.about === 'Encounter/e') as { line: string };
    return (JSON.parse(line.line) as { data: { resource: { participant: { individual: { reference: string } }[] } } })
      .data.resource.participant[0]!.individual.reference;
  };
  const CONDITION = `Practitioner?identifier=${NPI}|1`;

  test('become literal wherever in the publication the resource is, also without id of its own', async () => {
    write('set/a-members.json', bundle({ resourceType: 'Patient', id: 'a' }, encounter(CONDITION)));
    write(
      'set/z-practitioners.ndjson',
      `${JSON.stringify(practitioner('p1', '1'))}\n${JSON.stringify(practitioner('p2', '2'))}\n`,
    );
    expect(referenceIn(await read(join(dir, 'set')))).toBe('Practitioner/p1');
    const { id: _id, ...nameless } = practitioner('x', '7') as Record<string, unknown>;
    const urn = '0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0';
    const text = JSON.stringify({
      resourceType: 'Bundle',
      entry: [
        { resource: encounter(`Practitioner?identifier=${NPI}|7`) },
        { fullUrl: `urn:uuid:${urn}`, resource: nameless },
      ],
    });
    expect(referenceIn(await read(write('uuid.json', text)))).toBe(`Practitioner/${urn}`);
  });

  test.each([
    ['encoded', `Practitioner?identifier=${encodeURIComponent(`${NPI}|1`)}`, 'Practitioner/p1'],
    ['by the value alone', 'Practitioner?identifier=1', 'Practitioner/p1'],
    ['by a value without a system', 'Practitioner?identifier=|3', 'Practitioner/p3'],
    ['twice the same resource', CONDITION, 'Practitioner/p1'],
    ['of another system', 'Practitioner?identifier=urn:other|1', undefined],
    ['of two resources', `Practitioner?identifier=${NPI}|2`, undefined],
    ['of another type', `Organization?identifier=${NPI}|1`, undefined],
    ['with a second parameter', `${CONDITION}&active=true`, undefined],
    ['by a name', 'Practitioner?name=x', undefined],
    ['of a Patient', 'Patient?identifier=urn:mrn|1', undefined],
    ['broken', 'Practitioner?identifier=%E0%A4%A', undefined],
  ])('%s', async (name, reference, target) => {
    const mrn = { resourceType: 'Patient', id: 'b', identifier: [{ system: 'urn:mrn', value: '1' }] };
    const text = bundle(
      encounter(reference),
      practitioner('p1', '1'),
      practitioner('p1', '1'),
      practitioner('p2', '2'),
      practitioner('p4', '2'),
      { ...practitioner('p3', '3', undefined), identifier: [{ value: '3' }] },
      mrn,
    );
    expect(referenceIn(await read(write(`one-${name.replaceAll(' ', '-')}.json`, text)))).toBe(target ?? reference);
  });

  test('another resolution is another event, and an event in the source stays as it is', async () => {
    const alone = await read(write('alone.ndjson', JSON.stringify(encounter(CONDITION))));
    const both = await read(write('both.json', bundle(encounter(CONDITION), practitioner('p1', '1'))));
    const idOf = (items: readonly Item[]): unknown =>
      (items.find((item) => item.ok && item.about === 'Encounter/e') as { event: string }).event;
    expect(idOf(alone)).not.toBe(idOf(both));
    const given = JSON.stringify({
      specversion: '1.0',
      id: 'e9',
      source: 's',
      type: 'payer.resource-recorded.v1',
      subject: 'a',
      data: { resource: encounter(CONDITION) },
    });
    expect(await read(write('given.ndjson', `${given}\n${JSON.stringify(practitioner('p1', '1'))}`))).toMatchObject([
      { ok: true, line: given },
      { ok: true },
    ]);
  });

  test('from standard input lead to what came before', async () => {
    const lines = [practitioner('p1', '1'), encounter(CONDITION)].map((resource) => `${JSON.stringify(resource)}\n`);
    expect(referenceIn(await read('-', lines))).toBe('Practitioner/p1');
    expect(referenceIn(await read('-', lines.toReversed()))).toBe(CONDITION);
  });
});

describe('links in a folder (N9)', () => {
  test('lead to each file once: in a circle, from another folder, and under a second name', async () => {
    write('linked/Patient.ndjson', patient('a'));
    write('linked/sub/b.ndjson', patient('b'));
    write('elsewhere/c.ndjson', patient('c'));
    symlinkSync('..', join(dir, 'linked/sub/up'));
    symlinkSync('sub', join(dir, 'linked/0-sub'));
    symlinkSync('Patient.ndjson', join(dir, 'linked/0.ndjson'));
    symlinkSync(join(dir, 'elsewhere'), join(dir, 'linked/elsewhere'));
    expect(summary(await read(join(dir, 'linked')))).toEqual(['Patient/a', 'Patient/c', 'Patient/b']);
  });
  test('that lead nowhere are reported', async () => {
    write('broken/a.ndjson', patient('a'));
    symlinkSync('nothing', join(dir, 'broken/b.ndjson'));
    symlinkSync('c.ndjson', join(dir, 'broken/c.ndjson'));
    expect(summary(await read(join(dir, 'broken')))).toEqual([
      'Patient/a',
      expect.stringMatching(/^b\.ndjson: cannot be read to its end \(ENOENT\)/),
      expect.stringMatching(/^c\.ndjson: cannot be read to its end \(ELOOP\)/),
    ]);
  });
});
