import { afterEach, describe, expect, it } from 'vitest';
import { encodeEvent, PA_RECORDS } from '@provider-access/events';
import { ProjectionSet } from '@provider-access/engines/views';
import { labelled, recordId, records } from '@provider-access/records';
import { instant } from '@provider-access/kernel';
import { attributed, enrolled, Harness, inNetwork, NPI, panel, payerEvent } from '../test/harness.ts';
import { type BundleJson, find, type GroupJson, onlyGroup } from '../test/groups.ts';

const HOUR = 3_600_000;
const RESTRICTED = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|V';
/** Each way in which a member leaves a list, and comes back. */
const WAYS = ['opt-out', 'hold', 'label', 'coverage', 'attribution'] as const;
type Way = (typeof WAYS)[number];
/** Ids of one length, whose order is that of the ways. */
const idOf = (way: Way): string => `m${WAYS.indexOf(way)}`;

type Entry = Readonly<Record<string, unknown>>;
let h: Harness;
let views: ProjectionSet;
async function start(): Promise<void> {
  h = new Harness();
  views = new ProjectionSet({ log: h.log, views: h.views, projections: [records, labelled] });
  await views.start();
  await h.start();
}
afterEach(async () => {
  await views.stop();
  await h.stop();
});

let versions = 0;
/** What resources publishes when the payer publishes a member's Patient. */
async function patient(member: string, labels: readonly string[] = []): Promise<void> {
  const at = instant(h.now);
  const data = {
    ...{ member, type: 'Patient', id: member, versionId: ++versions, lastUpdated: at, businessTime: at, sequence: 0 },
    ...{ contentHash: 'x', references: [], tokens: [], labels },
    line: JSON.stringify({
      resourceType: 'Patient',
      id: member,
      ...(labels.length > 0 && {
        meta: { security: labels.map((label) => ({ system: label.split('|')[0], code: label.split('|')[1] })) },
      }),
    }),
  };
  const event = {
    id: `p${versions}`,
    source: 'urn:test',
    type: 'pa.record-accepted.v1',
    time: at,
    subject: member,
    data,
  };
  await h.log.append(PA_RECORDS, [encodeEvent(event, { key: recordId(member, 'Patient', member) })]);
  const head = await h.log.head([PA_RECORDS]);
  for (const view of [records, labelled])
    if (!(await h.views.reader(view).waitFor(head, 60_000))) throw new Error('the view did not pass the record');
}

const OF_GROUP = { provider: { npi: NPI } };
async function leave(way: Way, member = idOf(way)): Promise<void> {
  const at = instant(h.now);
  const times = { effective: at, businessTime: at, setBy: 'member' };
  const hold = { source: 'urn:payer', deadLetter: `d-${member}`, eventType: 'payer.member-opted-out.v1' };
  if (way === 'opt-out') await h.consentSays('pa.opted-out.v1', member, { scope: 'global', ...times });
  else if (way === 'hold') await h.consentSays('pa.access-held.v1', member, hold);
  else if (way === 'label') await patient(member, [RESTRICTED]);
  else if (way === 'coverage')
    await h.publish(payerEvent('payer.member-terminated.v1', member, { coverageId: `cov-${member}`, to: at }));
  else await h.publish(payerEvent('payer.attribution-ended.v1', member, { ...OF_GROUP, to: at }));
}
async function comeBack(way: Way, member = idOf(way)): Promise<void> {
  const at = instant(h.now);
  const hold = { source: 'urn:payer', deadLetter: `d-${member}`, eventType: 'payer.member-opted-out.v1' };
  if (way === 'opt-out')
    await h.consentSays('pa.opted-in.v1', member, { effective: at, businessTime: at, setBy: 'member' });
  else if (way === 'hold') await h.consentSays('pa.access-released.v1', member, hold);
  else if (way === 'label') await patient(member);
  else if (way === 'coverage')
    await h.publish(
      payerEvent('payer.member-enrolled.v1', member, { coverageId: `cov-${member}`, from: '2025-01-01' }),
    );
  else await h.publish(payerEvent('payer.attribution-asserted.v1', member, { ...OF_GROUP, from: '2025-01-01' }));
}

/** The Group in each form in which a client gets it, with the same members. */
async function forms(): Promise<{ readonly group: GroupJson; readonly texts: readonly string[] }> {
  const token = await h.token('c1');
  const group = await onlyGroup(h, token);
  const read = (await h.get(`/fhir/Group/${group.id}`, token)).json<GroupJson>();
  const summary = (await h.get(`/fhir/Group/${group.id}?_summary=true`, token)).json<GroupJson>();
  const history = (await h.get(`/fhir/Group/${group.id}/_history`, token)).json<BundleJson>();
  const versioned = await h.get(`/fhir/Group/${group.id}/_history/${group.meta.versionId}`, token);
  expect(read).toEqual(group);
  expect(summary.quantity).toBe(group.quantity);
  expect(summary.meta.versionId).toBe(group.meta.versionId);
  expect(history.entry!.map(({ resource }) => resource)).toEqual([group]);
  expect(versioned.json()).toEqual(group);
  return { group, texts: [read, summary, history].map((each) => JSON.stringify(each)) };
}
const withoutIds = (entries: readonly unknown[] | undefined): readonly string[] =>
  (entries ?? []).map((entry) => JSON.stringify(entry).replaceAll(/(Patient|Coverage)\/(cov-)?m\d/g, '$1/X'));
const changeOf = (entry: unknown): unknown =>
  (entry as { extension: readonly { url: string; valueCode?: string }[] }).extension.find(({ url }) =>
    url.endsWith('/ext-changeType'),
  )?.valueCode;
const changes = ({ member = [] }: GroupJson): Record<string, unknown> =>
  Object.fromEntries(member.map((one) => [one.entity.reference.split('/')[1]!, changeOf(one)]));

describe('who leaves a list (A10, A11, A12, A14: rule L1)', () => {
  it('vanishes alike for each reason, and comes back alike', async () => {
    await start();
    const members = [...WAYS.map(idOf), 'm9'];
    await h.publish(inNetwork(), ...panel(...members));
    for (const member of members) await patient(member);
    await h.app1('c1', [`npi|${NPI}`]);
    const all = await forms();
    expect(all.group.quantity).toBe(6);
    expect(new Set(withoutIds(all.group.member)).size).toBe(1);

    await h.advance(HOUR);
    for (const way of WAYS) await leave(way);
    const left = await forms();
    expect([left.group.quantity, Object.keys(changes(left.group))]).toEqual([1, ['m9']]);
    for (const text of left.texts) expect(text).not.toMatch(/dropped|cancelled|"inactive":true/);
    // The version that named the five is no version any more (A13, A14).
    const former = `/fhir/Group/${all.group.id}/_history/${all.group.meta.versionId}`;
    const unknown = `/fhir/Group/${all.group.id}/_history/1`;
    const [gone, never] = [await h.get(former, await h.token('c1')), await h.get(unknown, await h.token('c1'))];
    expect([gone.statusCode, gone.body]).toEqual([404, never.body]);

    await h.advance(HOUR);
    for (const way of WAYS) await comeBack(way);
    const back = await forms();
    const returned = back.group.member!.filter(({ entity }) => entity.reference !== 'Patient/m9');
    expect(returned).toHaveLength(5);
    expect(new Set(withoutIds(returned)).size).toBe(1);
    expect(changeOf(returned[0])).toBe('new');
  });

  it('leaves one trace in the version, whichever way it was', async () => {
    const times = new Map<Way, unknown>();
    for (const way of WAYS) {
      if (way !== WAYS[0]) {
        await views.stop();
        await h.stop();
      }
      await start();
      await h.publish(inNetwork(), ...panel('m7', 'm8'));
      for (const member of ['m7', 'm8']) await patient(member);
      await h.app1('c1', [`npi|${NPI}`]);
      const { group: before } = await forms();
      await h.advance(HOUR);
      await leave(way, 'm7');
      const { group } = await forms();
      const { id: _id, ...shown } = group;
      times.set(way, [Number(group.meta.versionId) - Number(before.meta.versionId), withoutIds([shown])]);
    }
    expect(new Set([...times.values()].map((each) => JSON.stringify(each))).size).toBe(1);
  });
});

describe('the entries of a list', () => {
  it('A8: there is one for each pair of a member and a provider, with period, coverage and provider', async () => {
    await start();
    await h.publish(inNetwork(), enrolled('m1'), attributed('m1'));
    await h.publish(
      payerEvent('payer.attribution-asserted.v1', 'm1', {
        ...{ provider: { npi: NPI }, from: '2025-01-01', to: '2999-01-31', coverageId: 'cov-m1' },
      }),
    );
    const { member } = await onlyGroup(h, await h.app1('c1', [`npi|${NPI}`]));
    const ATR = 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/';
    const identifier = { system: 'http://hl7.org/fhir/sid/us-npi', value: NPI };
    expect(member).toEqual([
      {
        extension: [
          { url: `${ATR}ext-changeType`, valueCode: 'new' },
          { url: `${ATR}ext-coverageReference`, valueReference: { reference: 'Coverage/cov-m1' } },
          { url: `${ATR}ext-attributedProvider`, valueReference: { identifier, display: `NPI ${NPI}` } },
        ],
        entity: { reference: 'Patient/m1' },
        period: { start: '2025-01-01T00:00:00.000Z', end: '2999-01-31T23:59:59.999Z' },
        inactive: false,
      } satisfies Entry,
    ]);
  });

  it('A9: are new at first, changed when their end or coverage changes, and else nochange', async () => {
    await start();
    await h.publish(inNetwork(), ...panel('m1', 'm2', 'm3', 'm4'));
    await h.app1('c1', [`npi|${NPI}`]);
    await h.advance(HOUR);
    const seen = async (): Promise<unknown> => changes(await onlyGroup(h, await h.token('c1')));
    const asserted = (member: string, more: object) =>
      payerEvent('payer.attribution-asserted.v1', member, { ...OF_GROUP, from: '2025-01-01', ...more });
    expect(await seen()).toEqual({ m1: 'new', m2: 'new', m3: 'new', m4: 'new' });
    await h.advance(HOUR);
    expect(await seen()).toEqual({ m1: 'new', m2: 'new', m3: 'new', m4: 'new' });
    await h.publish(...panel('m5'), asserted('m1', { coverageId: 'cov-m1' }), asserted('m2', { to: '2999-12-31' }));
    await h.publish(payerEvent('payer.attribution-ended.v1', 'm3', { ...OF_GROUP, to: '2999-12-31' }));
    // The same again is no change.
    await h.publish(asserted('m4', {}));
    await h.advance(HOUR);
    const expected = { m1: 'changed', m2: 'changed', m3: 'changed', m4: 'nochange', m5: 'new' };
    expect(await seen()).toEqual(expected);
    await h.advance(HOUR);
    expect(await seen()).toEqual(expected);
    await h.publish(...panel('m6'));
    await h.advance(HOUR);
    expect(await seen()).toEqual({
      ...{ m1: 'nochange', m2: 'nochange', m3: 'nochange', m4: 'nochange', m5: 'nochange' },
      m6: 'new',
    });
    // For another client all entries are new.
    expect(new Set(Object.values(changes(await onlyGroup(h, await h.app1('c2', [`npi|${NPI}`]))))).size).toBe(1);
  });

  it('A15: have the time at which the change was known, so that a client who looks late finds it', async () => {
    await start();
    await h.publish(inNetwork(), ...panel('m1', 'm2'));
    await h.app1('c1', [`npi|${NPI}`]);
    const first = await onlyGroup(h, await h.token('c1'));
    await h.advance(HOUR);
    const left = h.now;
    await leave('opt-out', 'm2');
    await h.advance(24 * HOUR);
    const { meta, ...group } = await onlyGroup(h, await h.token('c1'));
    expect(Date.parse(meta.lastUpdated) - left).toBe(5000);
    const { characteristic } = group as unknown as { characteristic: readonly { period: { start: string } }[] };
    expect(characteristic[0]!.period.start).toBe(meta.lastUpdated.slice(0, 10));
    const found = async (gt: string) => (await find(h, await h.token('c1'), `?_lastUpdated=gt${gt}`)).total;
    expect([await found(first.meta.lastUpdated), await found(meta.lastUpdated)]).toEqual([1, 0]);
  });
});
