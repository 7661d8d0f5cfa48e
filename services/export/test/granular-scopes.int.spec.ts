import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExportRequested, PA_EXPORTS } from '@provider-access/events';
import { positionsOf } from '@provider-access/jobs';
import { searchKeys } from '@provider-access/records';
import { ask, asked, type Asking, namesOf, text } from './asked.ts';
import { GROUP, type ManifestBody, Platform } from './harness.ts';

const LABORATORY = 'system/Observation.rs?category=laboratory';
const OTHERS = 'system/Group.rs system/Patient.rs system/Condition.rs system/Practitioner.rs';

let platform: Platform;
const observation = (member: string, id: string, category: string, references: readonly string[] = []) => ({
  ...{ member, type: 'Observation', id, references },
  resource: {
    resourceType: 'Observation',
    id,
    status: id.endsWith('-p') ? 'preliminary' : 'final',
    category: [{ coding: [{ code: category }] }],
    subject: { reference: `Patient/${member}` },
  },
});

beforeAll(async () => {
  platform = await Platform.start({ kickOffsPerHour: 10_000 }, undefined, 'memory', [searchKeys]);
  await platform.client('c1');
  await platform.group();
  await platform.members(['m1', 'm2']);
  await platform.resources([
    ...['m1', 'm2'].map((member) => ({ member, type: 'Patient', id: member })),
    observation('m1', 'lab', 'laboratory', ['Practitioner/p1']),
    observation('m1', 'lab-p', 'laboratory'),
    observation('m1', 'vital', 'vital-signs', ['Practitioner/p2']),
    observation('m2', 'vital-2', 'vital-signs'),
    { member: 'm1', type: 'Condition', id: 'c1' },
    ...['p1', 'p2'].map((id) => ({
      ...{ member: 'shared', type: 'Practitioner', id },
      resource: { resourceType: 'Practitioner', id, name: [{ family: id }] },
    })),
  ]);
  expect(await platform.reader(searchKeys).waitFor(await platform.log.head(['pa.records']), 60_000)).toBe(true);
});
afterAll(() => platform.dispose());

const token = (scope: string): Promise<string> => platform.token('c1', scope);
const exported = async (scope: string, asking: Asking = {}): Promise<readonly string[]> =>
  namesOf(platform, await asked(platform, { ...asking, token: await token(scope) }));
const countsOf = ({ output }: ManifestBody): Record<string, number> =>
  Object.fromEntries(output.map(({ type, count }) => [type, count]));

describe('an export by a token whose scopes cover parts of types (APPS.md P53)', () => {
  it('has what is within, and what that brings along', async () => {
    for (const operation of ['$export', '$davinci-data-export'] as const)
      expect(await exported(`${OTHERS} ${LABORATORY}`, { operation })).toEqual([
        ...['Condition/c1', 'Observation/lab', 'Observation/lab-p', 'Patient/m1', 'Patient/m2', 'Practitioner/p1'],
      ]);
  });

  it('filters before it joins, and by a filter of the request too', async () => {
    const both = `${OTHERS} ${LABORATORY} system/Observation.rs?status=preliminary`;
    expect((await exported(both)).filter((name) => name.startsWith('Observation'))).toEqual([
      'Observation/lab',
      'Observation/lab-p',
    ]);
    const parameter = [text('_typeFilter', 'Observation?status=final'), text('_type', 'Observation')];
    expect(await exported(`${OTHERS} ${LABORATORY}`, { parameter })).toEqual(['Observation/lab']);
    const vitals = [text('_typeFilter', 'Observation?category=vital-signs'), text('_type', 'Observation')];
    expect(await exported(`${OTHERS} ${LABORATORY}`, { parameter: vitals })).toEqual([]);
  });

  it('filters shared types and files of patients', async () => {
    const scope = 'system/Group.rs system/Patient.rs system/Observation.rs system/Practitioner.rs?name=p2';
    expect((await exported(scope)).filter((name) => name.startsWith('Practitioner'))).toEqual(['Practitioner/p2']);
    const parameter = [text('organizeOutputBy', 'Patient')];
    const names = await exported(`${OTHERS} ${LABORATORY}`, { parameter });
    expect(names.filter((name) => name.startsWith('Observation'))).toEqual(['Observation/lab', 'Observation/lab-p']);
  });

  it('a whole type wins, and a part that nobody can read covers nothing', async () => {
    expect(await exported(`${OTHERS} ${LABORATORY} system/Observation.r`)).toContain('Observation/vital');
    const answer = await ask(platform, {
      token: await token(`${OTHERS} system/Observation.rs?nonsense=1`),
      parameter: [text('_type', 'Observation')],
    });
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('does not cover Observation')]);
    const group = await ask(platform, { token: await token('system/Group.rs?code=x system/Patient.rs') });
    expect(group.status).toBe(403);
  });

  it('its counts and files need a token that covers each of its parts', async () => {
    const job = await platform.kickOff('', { token: await token(`${OTHERS} ${LABORATORY}`) });
    const own = await platform.manifest(job, await token(`${OTHERS} ${LABORATORY}`));
    expect(countsOf(own)).toMatchObject({ Observation: 2, Practitioner: 1 });
    const { url } = own.output.find(({ type }) => type === 'Observation')!;
    for (const [scope, status] of [
      [LABORATORY, 200],
      [`${LABORATORY} system/Observation.rs?category=vital-signs`, 200],
      ['system/Observation.rs', 200],
      ['system/Observation.rs?category=vital-signs', 403],
      ['system/Observation.rs?category=laboratory&status=final', 403],
      ['system/Observation.s?category=laboratory', 403],
      ['system/Patient.rs', 403],
    ] as const) {
      expect([scope, (await platform.fetch(url, { token: await token(scope) })).status]).toEqual([scope, status]);
      const manifest = await platform.manifest(job, await token(scope));
      expect([scope, manifest.output.some(({ type }) => type === 'Observation')]).toEqual([scope, status === 200]);
    }
  });

  it('a part does not cover the file of the whole type', async () => {
    const job = await platform.kickOff('', { token: await token(`${OTHERS} system/Observation.rs`) });
    const { url } = (await platform.manifest(job)).output.find(({ type }) => type === 'Observation')!;
    expect((await platform.fetch(url, { token: await token(LABORATORY) })).status).toBe(403);
    const manifest = await platform.manifest(job, await token(`${OTHERS} ${LABORATORY}`));
    expect(countsOf(manifest)).not.toHaveProperty('Observation');
  });

  it('is a job that no earlier build takes, because it would export the whole type', async () => {
    const requested = async (path: string): Promise<ExportRequested> => {
      await platform.manifest(path);
      const all = (await platform.events(PA_EXPORTS)).filter(({ type }) => type === 'pa.export-requested.v1');
      return all.map(({ data }) => data as unknown as ExportRequested).find(({ job }) => path.endsWith(`/${job}`))!;
    };
    const last = await requested(await platform.kickOff('', { token: await token(`${OTHERS} ${LABORATORY}`) }));
    expect(last).toMatchObject({ group: GROUP, within: ['Observation?category=laboratory'] });
    expect(last.positions).toHaveProperty(['pa.export-parts']);
    expect(positionsOf(last)).not.toHaveProperty(['pa.export-parts']);
    const whole = await requested(await platform.kickOff());
    expect(whole).not.toHaveProperty('within');
    expect(whole.positions).not.toHaveProperty(['pa.export-parts']);
  });

  it('P53: its list of removed resources needs a token that covers each type of the job', async () => {
    const since = new Date(platform.clock.now()).toISOString();
    await platform.deleted('m1', 'Observation', 'lab-p');
    const whole = await token('system/*.rs');
    const job = await platform.kickOff(`?_since=${since}&_type=Observation,Condition`, { token: whole });
    const { url } = (await platform.manifest(job, whole)).deleted[0]!;
    for (const [scope, status] of [
      ['system/Observation.rs system/Condition.rs', 200],
      ['system/*.rs', 200],
      ['system/Condition.rs', 403],
      [`${LABORATORY} system/Condition.rs`, 403],
      ['system/Group.rs', 403],
    ] as const) {
      expect([scope, (await platform.fetch(url, { token: await token(scope) })).status]).toEqual([scope, status]);
      const { deleted } = await platform.manifest(job, await token(scope));
      expect([scope, deleted.length]).toEqual([scope, status === 200 ? 1 : 0]);
    }
  });

  it('lists no removed resource of a type of which it has a part: nobody can tell whether it was within', async () => {
    const since = new Date(platform.clock.now()).toISOString();
    await platform.deleted('m1', 'Observation', 'vital');
    await platform.deleted('m1', 'Condition', 'c1');
    const deleted = async (scope: string): Promise<string> => {
      const by = await token(scope);
      const manifest = await platform.manifest(await platform.kickOff(`?_since=${since}`, { token: by }), by);
      return JSON.stringify(await platform.lines(manifest, 'deleted', by));
    };
    const part = await deleted(`${OTHERS} ${LABORATORY}`);
    expect([part.includes('Condition/c1'), part.includes('Observation/')]).toEqual([true, false]);
    expect(await deleted('system/*.rs')).toContain('Observation/vital');
  });
});
