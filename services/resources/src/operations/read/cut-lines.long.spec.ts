import { afterEach, expect, it } from 'vitest';
import {
  DEFAULT_LABEL_POLICY,
  isTag,
  type LabelPolicy,
  labelPolicy,
  listsOf,
  putInForce,
} from '@provider-access/domain/pdex/labels';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { records, searchKeys } from '@provider-access/records';
import { eventually } from '@provider-access/testing';
import { type Answer, House, type HouseOptions, type Loose } from '../../../test/harness.ts';

/** R15: the lines of a claim with codes of CMS's list, by the policy for them. */
const PART_2 = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|42CFRPart2';
const policy = (rule: 'withhold' | 'withhold line' | 'release'): LabelPolicy => ({
  ...DEFAULT_LABEL_POLICY,
  ...labelPolicy({ [PART_2]: rule }),
});
const HCPCS = 'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets';
const coded = (code: string) => ({ coding: [{ system: HCPCS, code }] });
const claim = (id: string, second: string, more: object = {}) => ({
  resourceType: 'ExplanationOfBenefit',
  id,
  status: 'active',
  use: 'claim',
  outcome: 'complete',
  type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/claim-type', code: 'professional' }] },
  patient: { reference: 'Patient/m1' },
  created: '2025-02-01',
  billablePeriod: { start: '2025-01-05', end: '2025-01-20' },
  insurer: { reference: 'Organization/payer' },
  provider: { reference: 'Organization/billing' },
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
  careTeam: [
    { sequence: 1, provider: { reference: 'Practitioner/visit' } },
    { sequence: 2, provider: { reference: 'Practitioner/clinic' } },
  ],
  item: [
    { sequence: 1, productOrService: coded('99213'), servicedDate: '2025-01-05', careTeamSequence: [1] },
    { sequence: 2, productOrService: coded(second), servicedDate: '2025-01-20', careTeamSequence: [2] },
  ],
  ...more,
});
const practitioner = (id: string) => ({ resourceType: 'Practitioner', id, name: [{ family: id }] });
const TELLS = /H0020|H0015|clinic|2025-01-20/;

let house: House;
let token: string;
const open = async (options: HouseOptions): Promise<void> => {
  house = await House.open({ codeLists: listsOf([]), ...options });
  token = await house.token('app1');
};
const start = async (options: HouseOptions): Promise<void> => {
  await open(options);
  await house.approve('app1');
  await house.attribute('m1');
  await house.publish(
    ['visit', 'clinic'].map((id) => ({
      type: 'payer.provider-recorded.v1',
      subject: id,
      resource: practitioner(id),
    })),
  );
};
afterEach(async () => {
  await house.close();
  putInForce(listsOf([]));
});
let events = 0;
const publish = async (resource: object, time: string): Promise<Loose> => {
  const { receipt } = await house.publish([{ id: `claim-${(events += 1)}`, subject: 'm1', time, resource }]);
  await house.settled();
  return receipt;
};
const get = (path: string): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token });
const record = async (id: string): Promise<Loose> =>
  (await house.records.load([`m1/ExplanationOfBenefit/${id}`]))[0] as Loose;
const search = async (query: string): Promise<{ ids: string[]; total: number; text: string }> => {
  const answer = await get(`ExplanationOfBenefit?patient=m1${query}`);
  const { total, entry = [] } = answer.json();
  return { total, ids: entry.map(({ resource }: Loose) => resource.id), text: answer.text };
};

it('obeys a stricter policy at once, and each policy after stored data are tagged again', async () => {
  const keep = { log: openMemoryLog(), views: openMemoryViews(), state: openMemoryState() };
  const stays = <T extends object>(engine: T): T =>
    new Proxy(engine, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name === 'close') return () => Promise.resolve();
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
  const engines = { log: stays(keep.log), views: stays(keep.views), state: stays(keep.state) };
  const builtAgain = (build: number) =>
    eventually(async () => {
      expect((await keep.views.store.builds(records))?.live).toBe(build);
      expect((await keep.views.store.builds(searchKeys))?.live).toBe(build);
    });
  const hold = async () => (await keep.state.leases.acquire('retagging', 'another process', 60_000))!;
  const status = async (): Promise<number> => (await get('ExplanationOfBenefit/mixed')).status;
  const byClinic = async (): Promise<number> => (await search('&care-team=Practitioner/clinic')).total;

  await start({ ...engines, labels: policy('withhold') });
  await publish(claim('mixed', 'H0020'), '2025-02-01T00:00:00Z');
  expect([await status(), (await search('')).total]).toEqual([404, 0]);
  await house.close();

  let lease = await hold();
  await open({ ...engines, labels: policy('withhold line') });
  // Until the claim is cut, it is withheld as before.
  expect([await status(), (await search('')).total, await byClinic()]).toEqual([404, 0, 0]);
  await keep.state.leases.release(lease);
  await builtAgain(2);
  await eventually(async () => expect((await search('')).total).toBe(1));
  const read = await get('ExplanationOfBenefit/mixed');
  expect([read.status, read.text]).toEqual([200, expect.not.stringMatching(TELLS)]);
  expect([await byClinic(), (await search('&care-team=Practitioner/visit')).total]).toEqual([0, 1]);
  expect((await record('mixed')).references).not.toContain('Practitioner/clinic');
  await house.close();

  lease = await hold();
  await open({ ...engines, labels: policy('withhold') });
  expect([await status(), (await search('')).total]).toEqual([404, 0]);
  await keep.state.leases.release(lease);
  await builtAgain(3);
  expect([await status(), (await search('')).total]).toEqual([404, 0]);
  expect((await record('mixed')).labels.some(isTag)).toBe(true);
  await house.close();

  await open({ ...engines, labels: policy('release') });
  // The lists and their lines are as before, so nothing is built again.
  expect((await get('ExplanationOfBenefit/mixed')).json().item).toHaveLength(2);
  await publish(claim('mixed', 'H0020'), '2025-02-09T00:00:00Z');
  await house.close();

  await open({ ...engines, labels: policy('withhold line') });
  await builtAgain(4);
  await eventually(async () => expect((await search('')).total).toBe(1));
  await house.close();
  lease = await hold();
  await open({ ...engines, labels: policy('release') });
  expect((await get('ExplanationOfBenefit/mixed')).json().item).toHaveLength(1);
  await keep.state.leases.release(lease);
  await builtAgain(5);
  await eventually(async () => expect(await byClinic()).toBe(1));
  expect((await get('ExplanationOfBenefit/mixed')).json().item).toHaveLength(2);
});
