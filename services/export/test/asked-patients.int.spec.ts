// eslint-disable-next-line no-restricted-imports -- statements are what is counted
import { StatementSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { JobViews } from '@provider-access/jobs';
import { readPatients } from '../src/domain/request/patients.ts';
import { Given } from '../src/domain/request/given.ts';
import { ask, asked, type Asking, namesOf, patient, text, warningsOf } from './asked.ts';
import { Platform } from './harness.ts';

const OTHERS = ['m3-opted-out', 'm4-foreign', 'm5-uncovered', 'm6-unknown', 'm7-held'] as const;
const OURS = ['Observation/o1', 'Observation/o2', 'Patient/m1', 'Practitioner/p1'];

let platform: Platform;
beforeAll(async () => {
  platform = await Platform.start({ kickOffsPerHour: 10_000, chunkMembers: 2 });
  await platform.client('c1');
  await platform.group();
  await platform.group('g-other', 'npi|1003000126');
  await platform.members(['m1', 'm2', 'm3-opted-out', 'm7-held', 'm8-bare', 'm9']);
  await platform.members(['m4-foreign'], { group: 'g-other', provider: 'npi|1003000126' });
  await platform.attributedOnly('m5-uncovered');
  await platform.held('m7-held');
  const members = ['m1', 'm2', 'm3-opted-out', 'm4-foreign', 'm5-uncovered', 'm7-held', 'm9'];
  await platform.resources(members.map((member) => ({ member, type: 'Patient', id: member })));
  await platform.resources([
    { member: 'm1', type: 'Observation', id: 'o1', references: ['Practitioner/p1'] },
    { member: 'm1', type: 'Observation', id: 'o2' },
    { member: 'm2', type: 'Observation', id: 'o3', references: ['Practitioner/p2'] },
    ...['p1', 'p2'].map((id) => ({ member: 'shared', type: 'Practitioner', id })),
  ]);
  await platform.optOut('m3-opted-out');
});
afterAll(() => platform.dispose());
afterEach(() => vi.restoreAllMocks());

const of = (...ids: string[]): Asking => ({ parameter: ids.map((id) => patient(`Patient/${id}`)) });

describe('patient', () => {
  it('E10: gives the compartments of these patients only, and what they bring along', async () => {
    expect(await namesOf(platform, await asked(platform, of('m1')))).toEqual(OURS);
    const both = await asked(platform, { ...of('m2', 'm1'), operation: '$export' });
    expect(await namesOf(platform, both)).toEqual(
      [...OURS, 'Observation/o3', 'Patient/m2', 'Practitioner/p2'].toSorted(),
    );
    expect(both.error).toEqual([]);
  });

  it('E10: narrows together with _type', async () => {
    const parameter = [patient('Patient/m1'), text('_type', 'Observation')];
    expect(await namesOf(platform, await asked(platform, { parameter }))).toEqual(['Observation/o1', 'Observation/o2']);
  });

  it('E10: is refused on the URL, lenient or not', async () => {
    for (const lenient of [false, true]) {
      const answer = await ask(platform, { query: '?patient=Patient/m1', lenient });
      expect([answer.status, await answer.text()]).toEqual([
        400,
        expect.stringMatching(/not-supported.*body of a POST/),
      ]);
    }
  });

  it.each([
    ['an unknown one', [patient('Patient/nobody')]],
    ['one of a wrong form', [patient('Patient/../m1')]],
    ['another type', [patient('Group/g-one')]],
    ['an identifier', [{ name: 'patient', valueReference: { identifier: { value: 'm1' } } }]],
    ['all of them foreign or opted out', OTHERS.map((id) => patient(`Patient/${id}`))],
  ])('E11, E12: %s is an empty result, and never everybody', async (_, parameter) => {
    const manifest = await asked(platform, { parameter });
    expect([manifest.output, manifest.deleted]).toEqual([[], []]);
    expect(await warningsOf(platform, manifest)).toHaveLength(parameter.length);
  });

  it('E12, E14: ignores what it does not release, with one text for every reason', async () => {
    const manifest = await asked(platform, of('m1', ...OTHERS, 'm8-bare'));
    expect(await namesOf(platform, manifest)).toEqual(OURS);
    const warnings = await warningsOf(platform, manifest);
    const forms = warnings.map((each) => each.replace(/Patient\/m\d-[a-z-]+/, 'Patient/X'));
    expect(forms).toHaveLength(OTHERS.length + 1);
    expect(new Set(forms).size).toBe(1);
    expect(forms[0]).toMatch(/"severity":"warning","code":"not-found".*no resource of this reference was released/);
    for (const [at, id] of [...OTHERS, 'm8-bare'].entries()) expect(warnings[at]).toContain(`Patient/${id}`);
  });

  it('E13: $export refuses the whole request, in one text, and lenient does as E12 says', async () => {
    const texts = new Set<string>();
    for (const id of OTHERS) {
      const answer = await ask(platform, { ...of('m1', id), operation: '$export' });
      expect(answer.status).toBe(400);
      texts.add((await answer.text()).replaceAll(id, 'X'));
    }
    expect([...texts]).toEqual([expect.stringContaining('"code":"not-found"')]);
    const lenient = await asked(platform, { ...of('m1', ...OTHERS), operation: '$export', lenient: true });
    expect(await namesOf(platform, lenient)).toEqual(OURS);
    expect(await warningsOf(platform, lenient)).toHaveLength(OTHERS.length);
  });

  it('E15: a later opt-out removes lines, and the error file stays', async () => {
    const manifest = await asked(platform, of('m9', 'nobody'));
    const before = await warningsOf(platform, manifest);
    expect(await namesOf(platform, manifest)).toEqual(['Patient/m9']);
    await platform.optOut('m9');
    expect((await platform.fetch(manifest.output[0]!.url)).status).toBe(404);
    expect(await warningsOf(platform, manifest)).toEqual(before);
    expect(before).toEqual([expect.stringContaining('Patient/nobody')]);
    // A member who opted out before the seal is warned about as nobody is.
    expect(await warningsOf(platform, await asked(platform, of('m9', 'nobody')))).toHaveLength(2);
  });

  it('E16: takes the absolute URL of our base, and counts a patient once', async () => {
    const references = ['Patient/m1', 'http://test/fhir/Patient/m1', 'Patient/m1'];
    const manifest = await asked(platform, { parameter: references.map(patient) });
    expect(await namesOf(platform, manifest)).toEqual(OURS);
    const foreign = ['http://other/fhir/Patient/m1', 'Patient/m1/_history/1', 'Patient/m1?x', 'urn:uuid:m1'];
    const none = await asked(platform, { parameter: foreign.map(patient) });
    expect(none.output).toEqual([]);
    const warnings = await warningsOf(platform, none);
    expect(warnings).toHaveLength(foreign.length);
    // A text of the client that is no id is not repeated.
    expect(warnings[3]).toContain('reference 4 of patient');
  });

  it('E16: takes 10,000 references, and no more', () => {
    const given = (n: number) =>
      new Given(
        Array.from({ length: n }, (_, i) => ({ name: 'patient', value: `Patient/p${i}` })),
        true,
      );
    expect(readPatients(given(10_000), 'http://test/fhir')).toHaveLength(10_000);
    expect(() => readPatients(given(10_001), 'http://test/fhir')).toThrow(/at most 10000/);
  });

  it('hostile: a reference of 1 MB is refused as too large', async () => {
    const answer = await ask(platform, { parameter: [patient(`Patient/${'x'.repeat(1024 * 1024)}`)] });
    expect(answer.status).toBe(413);
  });

  it('E14: asks as many questions about a member who opted out as about an unknown one', async () => {
    await platform.settled();
    const counts: number[] = [];
    for (const id of ['m6-unknown', 'm3-opted-out', 'm4-foreign', 'm5-uncovered', 'm7-held']) {
      let queries = 0;
      const spies = (['get', 'all', 'iterate'] as const).map((method) => {
        const original = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
        return vi.spyOn(StatementSync.prototype, method).mockImplementation(function (this: StatementSync, ...values) {
          if (/"(resources|facts|attribution)_\w*(?!checkpoint)/.test(this.sourceSQL)) queries += 1;
          return original.apply(this, values as unknown[]) as never;
        });
      });
      await asked(platform, of(id));
      spies.forEach((spy) => spy.mockRestore());
      counts.push(queries);
    }
    expect(counts[0]).toBeGreaterThan(0);
    expect(new Set(counts).size).toBe(1);
  });

  it('audits an asked member who is refused, and never an id that nobody knows', async () => {
    await asked(platform, of('m3-opted-out', 'm6-unknown'));
    const entries = (await platform.events('pa.audit')).map(({ data }) => data);
    const ours = entries.filter(({ outcome, action }) => outcome === 'refused' && action === 'export-requested');
    expect(ours.some(({ members }) => (members as string[]).includes('m3-opted-out'))).toBe(true);
    // Each of the reasons was there in the tests above.
    const reasons = ['member-unknown', 'not-attributed', 'not-covered', 'on-hold', 'opted-out'];
    expect(ours.map(({ reason }) => reason)).toEqual(expect.arrayContaining(reasons));
    expect(JSON.stringify(ours.map(({ members }) => members))).not.toContain('m6-unknown');
  });
});

describe('a roll-out', () => {
  it('lets no earlier release run a step of a job that asks for patients', async () => {
    const answer = await ask(platform, of('m1'));
    const id = answer.headers.get('content-location')!.split('/').at(-1)!;
    const job = (await platform.streams().load(id))!;
    // The steps of an earlier release begin with this question, and with these positions.
    const impatient = await platform.another({ waitMs: 100 });
    const views = impatient.app.get(JobViews, { strict: false });
    expect(await views.passed(job.positions)).toBe(false);
    await expect(views.assertPassed(job)).resolves.toBeUndefined();
    const whole = await platform.kickOff(`?_type=Patient`);
    expect(await views.passed((await platform.streams().load(whole.split('/').at(-1)!))!.positions)).toBe(true);
    expect((await platform.manifest(`/fhir/bulk/${id}`)).output).not.toEqual([]);
    await platform.manifest(whole);
  });

  it('removes the file of a kick-off that died before its event', async () => {
    expect((await platform.fileNames()).filter((name) => name.endsWith('/ask.json'))).not.toEqual([]);
    await platform.blobs.put('jobs/dead/ask.json', '{}');
    await platform.state.work.put('export-sweep', [{ id: 'dead/sweep', payload: { job: 'dead' } }]);
    await expect.poll(() => platform.fileNames()).not.toContain('jobs/dead/ask.json');
  });
});
