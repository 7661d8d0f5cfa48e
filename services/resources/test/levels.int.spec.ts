import { afterEach, expect, it } from 'vitest';
import {
  PA_RECORDS,
  PA_SERVICE_LEVELS,
  type ServiceLevelMeasured,
  type ServiceLevelStarted,
  typeOf,
  dataOf,
} from '@provider-access/events';
import { RecordTooLarge } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { condition, House } from './harness.ts';

let house: House;
afterEach(() => house.close());

const claim = (member: string, id: string, use = 'claim'): object => ({
  resourceType: 'ExplanationOfBenefit',
  id,
  status: 'active',
  use,
  type: { text: 'x' },
  created: '2026-01-01',
  insurer: { display: 'x' },
  provider: { display: 'x' },
  outcome: 'complete',
  insurance: [{ focal: true, coverage: { display: 'x' } }],
  patient: { reference: `Patient/${member}` },
  item: [{ sequence: 1, productOrService: { text: 'x' }, servicedDate: '2025-05-05' }],
});
const at = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();

async function said(): Promise<{ started: ServiceLevelStarted[]; measured: ServiceLevelMeasured[] }> {
  const found = { started: [] as ServiceLevelStarted[], measured: [] as ServiceLevelMeasured[] };
  const heads = (await house.log.head([PA_SERVICE_LEVELS]))[PA_SERVICE_LEVELS] ?? [];
  for (const partition of heads.keys()) {
    for (const record of await house.log.read(PA_SERVICE_LEVELS, partition, 0, 1000)) {
      const data = dataOf<never>(record);
      if (typeOf(record) === 'pa.service-level-started.v1') found.started.push(data);
      else found.measured.push(data);
    }
  }
  return found;
}
const starts = (all: readonly ServiceLevelStarted[]): string[] =>
  all.flatMap((s) => s.starts.map((x) => x.objective)).toSorted();
const measuredItems = (all: readonly ServiceLevelMeasured[]): number =>
  all.flatMap((m) => m.days).reduce((n, d) => n + d.items.length, 0);

it('starts claims and prior authorizations that became a record, and measures them when they are visible', async () => {
  house = await House.open();
  const event = { id: 'e1', subject: 'm1', time: at(1), resource: claim('m1', 'c1') };
  await house.publish([
    event,
    event,
    { id: 'e2', subject: 'm1', time: at(2), resource: claim('m1', 'p1', 'preauthorization') },
    { id: 'e3', subject: 'm1', time: at(2), resource: condition('m1', 'x1') },
    { id: 'e4', subject: 'm1', time: at(3), resource: claim('m1', 'q1', 'predetermination') },
    { id: 'e5', subject: 'm1', time: at(3), resource: claim('m2', 'other') },
    { id: 'e6', subject: 'm1', time: at(9), resource: { ...claim('m1', 'c1'), status: 'draft' } },
    { id: 'e7', subject: 'm1', time: at(0), resource: { ...claim('m1', 'c1'), outcome: 'partial' } },
  ]);
  await expect.poll(async () => measuredItems((await said()).measured)).toBe(3);
  const { started, measured } = await said();
  // Only c1, its adjustment and p1 start. Repeats, superseded versions, dead letters and other types do not.
  expect(starts(started)).toEqual(['claims-visible', 'claims-visible', 'prior-authorization-visible']);
  for (const m of measured) {
    expect(m.scope).toMatch(/^payer\.member-events\/\d+$/);
    expect(m.calendar.timeZone).toBe('America/New_York');
    expect(Date.parse(m.endedAt)).toBeLessThanOrEqual(Date.now());
  }
  const claims = measured
    .flatMap((m) => m.days)
    .filter((d) => d.objective === 'claims-visible')
    .flatMap((d) => d.items);
  expect(Math.max(...claims.map(([, ms]) => ms))).toBeGreaterThanOrEqual(3_600_000);
  expect(claims.every(([, , met]) => met === 1)).toBe(true);
  expect(JSON.stringify({ started, measured })).not.toMatch(/\b(m1|c1)\b/);
});

it('measures each source and type: what became a version counts, and what changed nothing was heard', async () => {
  house = await House.open({ levelsSince: Date.now() - 10 * 3_600_000 });
  const [lab, ehr] = ['urn:lab', 'urn:ehr'];
  const repeated = { id: 'e1', subject: 'm1', source: lab, time: at(3), resource: condition('m1', 'x1') };
  const later = at(1);
  await house.publish([
    repeated,
    { id: 'e2', subject: 'm1', source: ehr, time: at(4), resource: condition('m1', 'x2') },
    { id: 'e3', subject: 'm1', source: ehr, time: at(2), resource: claim('m1', 'c1') },
    // History, a dead letter, and a type that is not served.
    { id: 'e4', subject: 'm1', source: lab, time: at(20), resource: claim('m1', 'old') },
    { id: 'e5', subject: 'm1', source: lab, time: at(1), resource: claim('m2', 'other') },
    { id: 'e6', subject: 'm1', source: lab, time: at(1), resource: { resourceType: 'Appointment', id: 'a1' } },
  ]);
  // The same content again, with a later time: it changes nothing.
  await house.publish([{ ...repeated, id: 'e7', time: later }]);
  const feeds = async () =>
    (await said()).measured
      .flatMap((m) => m.feeds ?? [])
      .map(({ source, type, newest, days }) => [
        source,
        type,
        new Date(newest).toISOString(),
        days.reduce((n, { took }) => n + took.reduce((sum, [, count]) => sum + count, 0), 0),
      ])
      .toSorted();
  await expect.poll(feeds).toContainEqual([lab, 'Condition', later, expect.any(Number)]);
  const all = await feeds();
  const counted = (source: string, type: string) =>
    all.filter(([s, t]) => s === source && t === type).reduce((n, row) => n + (row[3] as number), 0);
  expect(new Set(all.map(([source, type]) => `${source} ${type}`))).toEqual(
    new Set(['urn:ehr Condition', 'urn:ehr ExplanationOfBenefit', 'urn:lab Condition']),
  );
  expect([counted(ehr, 'Condition'), counted(ehr, 'ExplanationOfBenefit'), counted(lab, 'Condition')]).toEqual([
    1, 1, 1,
  ]);
});

it('U3: hears a roster, a network, enrolments and opt-outs by the name of their event', async () => {
  house = await House.open();
  const say = (id: string, type: string, subject: string, hours: number, source: string): string =>
    JSON.stringify({ specversion: '1.0', id, source, type, time: at(hours), subject, data: {} });
  await house.publish([
    say('r1', 'payer.attribution-asserted.v1', 'm1', 30, 'urn:roster'),
    say('r2', 'payer.attribution-asserted.v1', 'm2', 26, 'urn:roster'),
    say('n1', 'payer.network-status-changed.v1', '1234567893', 200, 'urn:network'),
    say('o1', 'payer.member-opted-out.v1', 'm1', 2, 'urn:preferences'),
    say('e1', 'payer.member-enrolled.v1', 'm1', 40, 'urn:enrolment'),
  ]);
  const heard = async () =>
    // Each partition tells the newest of its own.
    Object.fromEntries(
      (await said()).measured
        .flatMap((m) => m.feeds ?? [])
        .toSorted((a, b) => a.newest - b.newest)
        .map(({ source, type, newest }) => [`${source} ${type}`, Math.floor((Date.now() - newest) / 3_600_000)]),
    );
  await expect.poll(heard).toEqual({
    'urn:roster payer.attribution-asserted': 26,
    'urn:network payer.network-status-changed': 200,
    'urn:preferences payer.member-opted-out': 2,
    'urn:enrolment payer.member-enrolled': 40,
  });
  // How long they took is not measured here.
  expect((await said()).measured.flatMap((m) => m.feeds ?? []).flatMap(({ days }) => days)).toEqual([]);
});

it('U18: measures no claim that was older than 31 days when it arrived', async () => {
  house = await House.open();
  await house.publish([
    { id: 'e1', subject: 'm1', time: at(32 * 24), resource: claim('m1', 'old') },
    { id: 'e2', subject: 'm1', time: at(30 * 24), resource: claim('m1', 'late') },
  ]);
  await expect.poll(async () => measuredItems((await said()).measured)).toBe(1);
  const [started] = (await said()).started.flatMap((s) => s.starts);
  expect(Math.round((Date.now() - started!.at) / 86_400_000)).toBe(30);
});

it('says nothing of history', async () => {
  house = await House.open({ levelsSince: Date.now() - 10 * 3_600_000 });
  await house.publish([
    { id: 'e1', subject: 'm1', time: at(20), resource: claim('m1', 'old') },
    { id: 'e2', subject: 'm1', time: at(5), resource: claim('m1', 'new') },
  ]);
  await expect.poll(async () => measuredItems((await said()).measured)).toBe(1);
  expect(starts((await said()).started)).toEqual(['claims-visible']);
});

it(
  'says so before it takes them: when the records are lost on the way the claim is started again, and counted at ' +
    'its offset',
  async () => {
    const log = openMemoryLog({ partitions: 1 });
    const { append } = log;
    let broken = 2;
    log.append = (topic, records) => {
      if (topic === PA_RECORDS && broken-- > 0)
        return Promise.reject(Object.assign(new Error('away'), { name: 'EngineUnavailable' }));
      return append.call(log, topic, records);
    };
    house = await House.open({ log });
    broken = 2;
    await house.publish([{ id: 'e1', subject: 'm1', time: at(1), resource: claim('m1', 'c1') }]);
    await expect.poll(async () => (await said()).measured.length).toBeGreaterThan(0);
    const { started, measured } = await said();
    expect(new Set(started.map((s) => JSON.stringify([s.scope, s.starts]))).size).toBe(1);
    expect(new Set(measured.flatMap((m) => m.days.flatMap((d) => d.items.map(([offset]) => offset)))).size).toBe(1);
  },
);

it('measures no claim that became a dead letter because its record is larger than the log takes', async () => {
  const log = openMemoryLog({ partitions: 1 });
  const { append } = log;
  log.append = (topic, records) => {
    const index = topic === PA_RECORDS ? records.findIndex(({ value }) => String(value).includes('"larger"')) : -1;
    return index >= 0
      ? Promise.reject(new RecordTooLarge('a record that the broker finds too large', index))
      : append.call(log, topic, records);
  };
  house = await House.open({ log });
  const { receipt } = await house.publish([
    { id: 'e1', subject: 'm1', time: at(1), resource: claim('m1', 'larger') },
    { id: 'e2', subject: 'm1', time: at(2), resource: claim('m1', 'fits') },
  ]);
  expect(receipt).toMatchObject({ counts: { recorded: 1, parked: 1 }, items: [{ event: 'e1', reason: 'too-large' }] });
  await expect.poll(async () => (await said()).measured.length).toBeGreaterThan(0);
  const { started, measured } = await said();
  // The large claim was started before the log refused it. Both batches of starts end, and only the visible claim
  // counts.
  await expect
    .poll(async () => (await said()).measured.map(({ next }) => next))
    .toEqual(started.map(({ next }) => next));
  expect(starts(started)).toContain('claims-visible');
  expect(
    new Set((await said()).measured.flatMap((m) => m.days.flatMap((d) => d.items.map(([offset]) => offset)))),
  ).toEqual(new Set([1]));
  expect(measured[0]!.scope).toBe('payer.member-events/0');
});
