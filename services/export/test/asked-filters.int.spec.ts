// eslint-disable-next-line no-restricted-imports -- statements are what is counted
import { StatementSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { searchKeys } from '@provider-access/records';
import { ask, asked, type Asking, namesOf, patient, text } from './asked.ts';
import { Platform } from './harness.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const MANY = 300;

let platform: Platform;
const observation = (member: string, id: string, code: string, more: object = {}) => ({
  member,
  type: 'Observation',
  id,
  resource: {
    resourceType: 'Observation',
    id,
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code }] },
    subject: { reference: `Patient/${member}` },
    valueString: `value of ${id}`,
    ...more,
  },
});

beforeAll(async () => {
  platform = await Platform.start({ kickOffsPerHour: 10_000 }, undefined, 'memory', [searchKeys]);
  await platform.client('c1');
  await platform.group();
  await platform.members(['m1', 'm2', 'm3-opted-out']);
  const named = (member: string, family: string) => ({
    ...{ member, type: 'Patient', id: member },
    resource: { resourceType: 'Patient', id: member, name: [{ family }], birthDate: '1970-01-01' },
  });
  await platform.resources([
    named('m1', 'Ames'),
    named('m2', 'Bell'),
    named('m3-opted-out', 'Cole'),
    { ...observation('m1', 'o1', 'a-1'), references: ['Practitioner/p1'] },
    observation('m1', 'o2', 'b-2', { effectiveDateTime: '2024-03-01T00:00:00Z' }),
    { ...observation('m2', 'o3', 'a-1'), references: ['Practitioner/p2'] },
    observation('m3-opted-out', 'o4', 'a-1'),
    { ...observation('m2', 'hiv', 'c-3'), labels: [`${ACT_CODE}|HIV`] },
    { member: 'm1', type: 'Condition', id: 'c1' },
    { member: 'm1', type: 'Encounter', id: 'other-codes' },
    ...['p1', 'p2'].map((id) => ({
      ...{ member: 'shared', type: 'Practitioner', id },
      resource: { resourceType: 'Practitioner', id, name: [{ family: `Doctor ${id}` }] },
    })),
    ...Array.from({ length: MANY }, (_, n) => ({
      ...{ member: 'm2', type: 'Procedure', id: `x${n}` },
      resource: {
        resourceType: 'Procedure',
        id: `x${n}`,
        code: { text: 'x', coding: [{ code: n === 7 ? 'rare' : 'usual' }] },
      },
    })),
  ]);
  await platform.optOut('m3-opted-out');
});
afterAll(() => platform.dispose());
afterEach(() => vi.restoreAllMocks());

const filtered = (...filters: string[]): Asking => ({ parameter: filters.map((each) => text('_typeFilter', each)) });
const given = async (asking: Asking): Promise<readonly string[]> => {
  const names = await namesOf(platform, await asked(platform, asking));
  return names.filter((name) => !name.startsWith('Procedure/'));
};
const OTHERS = ['Condition/c1', 'Encounter/other-codes', 'Patient/m1', 'Patient/m2'];

describe('_typeFilter', () => {
  it('E20: filters its type, and leaves other types as they are', async () => {
    const both = ['Observation/o1', 'Observation/o3', 'Practitioner/p1', 'Practitioner/p2'];
    expect(await given(filtered('Observation?code=a-1'))).toEqual([...OTHERS, ...both].toSorted());
    expect(await given(filtered('Observation?code=a-1&_id=o1'))).toEqual(
      [...OTHERS, 'Observation/o1', 'Practitioner/p1'].toSorted(),
    );
  });

  it('E20, E21: joins filters of a type by OR, repeated or as a list, by GET and POST', async () => {
    const wanted = [...OTHERS, 'Observation/o1', 'Observation/o2', 'Practitioner/p1'].toSorted();
    const [one, two] = ['Observation?_id=o1', 'Observation?date=ge2024-01-01T00:00:00%2B00:00'];
    for (const operation of ['$export', '$davinci-data-export'] as const) {
      expect(await given({ ...filtered(one, two), operation })).toEqual(wanted);
      expect(await given({ ...filtered(`${one},${two}`), operation })).toEqual(wanted);
    }
    const query = `?_typeFilter=${encodeURIComponent(one)}&_typeFilter=${encodeURIComponent(two)}`;
    const manifest = await platform.manifest(await platform.kickOff(query));
    expect((await namesOf(platform, manifest)).filter((name) => !name.startsWith('Procedure/'))).toEqual(wanted);
    expect(manifest.request).toBe(`http://test/fhir/Group/g-one/$export${query}`);
  });

  it('E20: filters supporting resources too, and they follow what is released', async () => {
    expect(await given(filtered('Practitioner?name=Doctor%20p2'))).toEqual(
      [...OTHERS, 'Observation/o1', 'Observation/o2', 'Observation/o3', 'Practitioner/p2'].toSorted(),
    );
    expect(await given(filtered('Observation?_id=o2'))).toEqual([...OTHERS, 'Observation/o2'].toSorted());
  });

  it('E10, E20: goes together with patient', async () => {
    const parameter = [patient('Patient/m2'), text('_typeFilter', 'Observation?code=a-1,b-2')];
    expect(await given({ parameter })).toEqual(['Observation/o3', 'Patient/m2', 'Practitioner/p2']);
  });

  it('E22 to E24, E26: refuses what it does not do, lenient or not', async () => {
    const names = Array.from({ length: 990 }, (_, n) => `n${n}`).join(',');
    for (const [filter, status, code] of [
      ['Observation?_sort=date', 400, 'not-supported'],
      ['Observation?patient.identifier=x', 400, 'not-supported'],
      ['Observation?_has:Provenance:target:agent=x', 400, 'not-supported'],
      ['Observation?date=x', 400, 'value'],
      [`Patient?name=${names}`, 400, 'too-costly'],
      [`Patient?name=${'x'.repeat(1_000_000)}`, 400, 'too-costly'],
    ] as const)
      for (const lenient of [false, true]) {
        const answer = await ask(platform, { ...filtered(filter), lenient });
        expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(`"code":"${code}"`)]);
      }
    const token = await platform.token('c1', 'system/Patient.rs system/Group.rs');
    expect((await ask(platform, { ...filtered('Observation?code=a'), token })).status).toBe(403);
  });

  it('E25: finds nothing by what redaction or a label took away, with as many queries', async () => {
    const counts = new Map<string, number>();
    for (const filter of [
      'Observation?code=c-3',
      'Observation?code=z-9',
      'Observation?_id=hiv',
      'Observation?_id=o4',
    ]) {
      let queries = 0;
      const spies = (['get', 'all', 'iterate'] as const).map((method) => {
        const original = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
        return vi.spyOn(StatementSync.prototype, method).mockImplementation(function (this: StatementSync, ...values) {
          if (/"resources_(records|search)/.test(this.sourceSQL)) queries += 1;
          return original.apply(this, values as unknown[]) as never;
        });
      });
      const parameter = [text('_typeFilter', filter), text('_type', 'Observation')];
      expect(await given({ parameter })).toEqual([]);
      spies.forEach((spy) => spy.mockRestore());
      counts.set(filter, queries);
    }
    expect(counts.get('Observation?code=c-3')).toBe(counts.get('Observation?code=z-9'));
    expect(counts.get('Observation?_id=hiv')).toBe(counts.get('Observation?_id=o4'));
  });

  it('hostile: a filter by the id of a member of nobody, or of one who opted out, finds nothing', async () => {
    for (const id of ['nobody', 'm3-opted-out']) {
      const parameter = [text('_type', 'Patient'), text('_typeFilter', `Patient?_id=${id}`)];
      expect(await given({ parameter })).toEqual([]);
    }
  });

  it('looks only into lines that the index of keys finds', async () => {
    const { parse } = JSON;
    const parsed = async (filter: string): Promise<number> => {
      await platform.settled();
      let lines = 0;
      const spy = vi.spyOn(JSON, 'parse').mockImplementation((...input) => {
        if (input[0].startsWith('{"resourceType":"Procedure"')) lines += 1;
        return parse(...input) as unknown;
      });
      const manifest = await asked(platform, { parameter: [text('_type', 'Procedure'), text('_typeFilter', filter)] });
      expect(manifest.output.map(({ count }) => count)).toEqual([1]);
      spy.mockRestore();
      return lines;
    };
    expect(await parsed('Procedure?code=rare')).toBeLessThanOrEqual(MANY / 10);
    // The index cannot tell which resources do not have a value.
    expect(await parsed('Procedure?code:not=usual')).toBeGreaterThanOrEqual(MANY);
  });
});

describe('_typeFilter of many members', () => {
  const names = Array.from({ length: 100 }, (_, n) => `many-${n}`);
  let many: Platform;
  beforeAll(async () => {
    many = await Platform.start({ kickOffsPerHour: 10_000 }, undefined, 'memory', [searchKeys]);
    await many.client('c1');
    await many.group();
    await many.members(names);
    const codes = ['a-1', 'b-2', 'b-2'];
    await many.resources(names.flatMap((name) => codes.map((code, n) => observation(name, `${name}-${n}`, code))));
    await many.settled();
  });
  afterAll(() => many.dispose());
  /** Ids, and the queries for ids and for lines. */
  const read = async (filter: string): Promise<readonly [ids: number, queries: number]> => {
    let queries = 0;
    const spies = (['get', 'all', 'iterate'] as const).map((method) => {
      const original = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
      return vi.spyOn(StatementSync.prototype, method).mockImplementation(function (this: StatementSync, ...values) {
        if (/"resources_(records|search)/.test(this.sourceSQL)) queries += 1;
        return original.apply(this, values as unknown[]) as never;
      });
    });
    const parameter = [text('_type', 'Observation'), text('_typeFilter', filter)];
    const found = await namesOf(many, await asked(many, { parameter }));
    spies.forEach((spy) => spy.mockRestore());
    return [found.length, queries];
  };

  it('asks the index once for many members, and loads the records of many members together', async () => {
    const [none, queriesOfNone] = await read('Observation?code=z-9');
    const [found, queries] = await read('Observation?code=a-1');
    expect([none, found]).toEqual([0, names.length]);
    expect(queriesOfNone).toBeLessThanOrEqual(names.length / 4);
    expect(queries).toBeLessThanOrEqual(names.length / 4);
  });
  it('finds all where a key finds more than one query returns, and those of each of some ids', async () => {
    expect(await read('Observation?code=a-1,b-2')).toMatchObject([3 * names.length, expect.anything() as number]);
    expect((await read('Observation?_id=many-7-0,many-99-2,many-1-9'))[0]).toBe(2);
  });
});

describe('_elements', () => {
  it('E30, E31: gives these root elements, what R4 requires, and the reference to the patient', async () => {
    const parameter = [text('_type', 'Observation,Patient'), text('_elements', 'Observation.value,Patient.birthDate')];
    const lines = await platform.lines(await asked(platform, { parameter }));
    const [first] = lines['Observation']!;
    expect(Object.keys(first!).toSorted()).toEqual(
      ['code', 'id', 'meta', 'resourceType', 'status', 'subject', 'valueString'].toSorted(),
    );
    const meta = { tag: [expect.objectContaining({ code: 'SUBSETTED' })] };
    expect(lines['Patient']![0]).toEqual({ resourceType: 'Patient', id: 'm1', meta, birthDate: '1970-01-01' });
  });
  it('E30: refuses an unknown or nested one, lenient or not', async () => {
    for (const lenient of [false, true])
      for (const name of ['Patient.name.family', 'Patient.colour', 'colour'])
        expect((await ask(platform, { parameter: [text('_elements', name)], lenient })).status).toBe(400);
  });
});

describe('_until', () => {
  it('E40: leaves out what changed later, live or deleted', async () => {
    const [before, between] = [platform.clock.now() - 60_000, platform.clock.now() + 60_000];
    await platform.resources([
      { member: 'm1', type: 'Goal', id: 'new', at: new Date(platform.clock.now()).toISOString() },
      { member: 'm1', type: 'Goal', id: 'later', at: new Date(between + 60_000).toISOString() },
    ]);
    const goals = async (until: number): Promise<readonly string[]> => {
      const parameter = [text('_type', 'Goal'), { name: '_until', valueInstant: new Date(until).toISOString() }];
      return given({ parameter });
    };
    expect(await goals(before)).toEqual([]);
    expect(await goals(between)).toEqual(['Goal/new']);
    expect(await goals(between + 120_000)).toEqual(['Goal/later', 'Goal/new']);
  });
});

describe('includeAssociatedData', () => {
  const provenance = (id: string, recorded: string, targets: readonly string[], labels: readonly string[] = []) => ({
    ...{ member: 'm1', type: 'Provenance', id, targets, labels },
    resource: {
      ...{ resourceType: 'Provenance', id, recorded },
      target: targets.map((reference) => ({ reference })),
      ...(labels.length > 0 && { meta: { security: [{ system: ACT_CODE, code: 'HIV' }] } }),
    },
  });
  beforeAll(() =>
    platform.resources([
      provenance('old', '2024-01-01T00:00:00Z', ['Observation/o1', 'Observation/o2']),
      provenance('new', '2024-01-01T23:00:00-05:00', ['Observation/o1']),
      // The text of its time is greater than that of `new`, and its time is earlier.
      provenance('between', '2024-01-02T03:00:00Z', ['Observation/o1']),
      provenance('hidden', '2025-01-01T00:00:00Z', ['Observation/o1'], [`${ACT_CODE}|HIV`]),
      provenance('elsewhere', '2025-01-01T00:00:00Z', ['Condition/c1']),
    ]),
  );
  const RELEVANT = text('includeAssociatedData', 'RelevantProvenanceResources');
  const LATEST = text('includeAssociatedData', 'LatestProvenanceResources');
  const of = async (...parameter: object[]): Promise<readonly string[]> =>
    (await given({ parameter }))
      .filter((name) => name.startsWith('Provenance/'))
      .map((name) => name.slice('Provenance/'.length));
  const ONE = text('_typeFilter', 'Observation?_id=o1');
  const OBSERVATIONS = text('_type', 'Observation');

  it('E42: without it an export has all Provenance, unless _type leaves it out', async () => {
    const all = ['between', 'elsewhere', 'new', 'old'];
    expect(await of()).toEqual(all);
    expect(await of(ONE)).toEqual(all);
    expect(await of(OBSERVATIONS)).toEqual([]);
  });
  it('E41: Relevant gives each Provenance of an exported resource, also without the type', async () => {
    expect(await of(RELEVANT)).toEqual(['between', 'elsewhere', 'new', 'old']);
    expect(await of(RELEVANT, OBSERVATIONS)).toEqual(['between', 'new', 'old']);
    expect(await of(RELEVANT, text('_type', 'Condition'))).toEqual(['elsewhere']);
    expect(await of(RELEVANT, text('_type', 'Patient'))).toEqual([]);
  });
  it('E41: Latest gives the newest one that the client may see of each exported resource', async () => {
    expect(await of(LATEST, OBSERVATIONS)).toEqual(['new', 'old']);
    expect(await of(LATEST, OBSERVATIONS, ONE)).toEqual(['new']);
    expect(await of(LATEST, OBSERVATIONS, text('_typeFilter', 'Provenance?_id=old,between'))).toEqual([
      'between',
      'old',
    ]);
  });
  it('E41: with both, the larger set; another code is refused, lenient or not', async () => {
    expect(await of(LATEST, RELEVANT, OBSERVATIONS, ONE)).toEqual(['between', 'new', 'old']);
    for (const code of ['_custom', 'Everything', 'toString'])
      for (const lenient of [false, true]) {
        const answer = await ask(platform, { parameter: [text('includeAssociatedData', code)], lenient });
        expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('LatestProvenance')]);
      }
    const token = await platform.token('c1', 'system/Observation.rs system/Group.rs');
    expect((await ask(platform, { parameter: [RELEVANT], token })).status).toBe(403);
  });
  it('E41: a delta has the Provenances of what changed', async () => {
    const since = new Date(platform.clock.now() + 10_000).toISOString();
    await platform.advance(20_000);
    const at = new Date(platform.clock.now()).toISOString();
    await platform.resources([
      { ...provenance('newest', '2026-01-01T00:00:00Z', ['Observation/o1']), at },
      { ...provenance('alone', '2026-01-01T00:00:00Z', ['Condition/c1']), at },
      { ...observation('m1', 'o1', 'a-1'), version: 2, at },
    ]);
    await platform.advance(10_000);
    expect(await of(RELEVANT, { name: '_since', valueInstant: since })).toEqual(['newest']);
  });
});
