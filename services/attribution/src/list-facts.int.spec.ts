import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DomainEvent, PA_LISTS, PA_PROVIDERS, PROGRESS_TYPE } from '@provider-access/events';
import { find, type GroupJson, onlyGroup, typed } from '../test/groups.ts';
import { enrolled, Harness, inNetwork, NPI, payerEvent } from '../test/harness.ts';

const ATR = 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/';
const SYSTEM = 'https://pa.example/contracts';
const OF_LIST = { provider: { npi: NPI }, contract: 'K-1' };
let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

let events = 0;
/** A statement about the list in a year. The later the year, the newer the statement. */
const listChanged = (data: object, year = 2022): DomainEvent =>
  payerEvent(
    'payer.list-changed.v1',
    NPI,
    { ...OF_LIST, ...data },
    {
      id: `l-${(events += 1)}`,
      time: `${year}-06-01T12:00:00Z`,
      extensions: { pareceipt: `r-${events}` },
    },
  );
const start = async (...more: readonly DomainEvent[]): Promise<Record<string, string>> => {
  await h.publish(inNetwork(), enrolled('m1'));
  await h.publish(payerEvent('payer.attribution-asserted.v1', 'm1', { provider: OF_GROUP, from: '2025-01-01' }));
  await h.publish(...more);
  return h.app1('c1', [`npi|${NPI}`]);
};
const OF_GROUP = { npi: NPI, contract: 'K-1' };
type Shown = GroupJson & {
  readonly name: string;
  readonly extension: readonly { readonly url: string; readonly [value: string]: unknown }[];
  readonly identifier: readonly object[];
};
const shown = async (app: Record<string, string>): Promise<Shown> => (await onlyGroup(h, app)) as Shown;
interface Part {
  readonly counts: Record<string, number>;
  readonly items?: readonly { readonly outcome: string; readonly reason?: string }[];
}
const outcomes = async (): Promise<string[]> =>
  (await typed<{ outcomes?: Part[] }>(h, PA_PROVIDERS, PROGRESS_TYPE))
    .flatMap(({ outcomes: own = [] }) => own)
    .flatMap(({ items = [] }) => items.map(({ outcome, reason }) => [outcome, reason].filter(Boolean).join(': ')));

describe('payer.list-changed', () => {
  it('A4, A5, A6, A7: says status, name, period, ids and recipient of a list', async () => {
    const app = await start(
      listChanged({
        ...{ status: 'final', contractSystem: 'https://payer.example/k', name: 'Riverside 2025' },
        ...{ validFrom: '2025-01-01', validTo: '2025-12-31' },
        ...{ acoIds: [{ system: 'https://cms.example/aco', value: 'A1' }], settlementIds: [{ value: 'S-9' }] },
        recipient: { value: 'R-1' },
      }),
    );
    const group = await shown(app);
    expect(group.extension).toEqual([
      { url: `${ATR}ext-attributionListStatus`, valueCode: 'final' },
      { url: `${ATR}ext-contractValidityPeriod`, valuePeriod: { start: '2025-01-01', end: '2025-12-31' } },
      {
        url: `${ATR}atr-intended-recipient-identifier-extension`,
        valueIdentifier: { system: SYSTEM, value: 'R-1' },
      },
    ]);
    expect(group.identifier).toEqual([
      { system: 'http://hl7.org/fhir/sid/us-npi', value: NPI },
      { system: 'https://payer.example/k', value: 'K-1' },
      { system: 'https://cms.example/aco', value: 'A1' },
      { system: SYSTEM, value: 'S-9' },
    ]);
    expect(group.name).toBe('Riverside 2025');
  });

  it('A7: the contract period is found by period, and ids and name as others are', async () => {
    const app = await start(
      listChanged({ status: 'open', name: 'Riverside', validFrom: '2025-01-01', validTo: '2025-12-31' }),
      listChanged({ status: 'open', acoIds: [{ value: 'A1' }], validFrom: '2025-01-01' }, 2023),
    );
    const total = async (query: string): Promise<number> => (await find(h, app, query)).total;
    expect(await total('?period=ge2030-01-01')).toBe(1);
    expect(await total('?period=lt2024')).toBe(0);
    expect(await total('?period:missing=true')).toBe(0);
    expect(await total(`?identifier=${SYSTEM}|A1`)).toBe(1);
    expect(await total('?name=Riverside')).toBe(0);
    expect(await total(`?identifier=${SYSTEM}|K-1`)).toBe(1);
  });

  it('opens a list that nobody is attributed to', async () => {
    await h.publish(inNetwork(), listChanged({ status: 'draft' }));
    const group = await shown(await h.app1('c1', [`npi|${NPI}`]));
    expect([group.quantity, group.member, group.extension[0]]).toEqual([
      0,
      undefined,
      { url: `${ATR}ext-attributionListStatus`, valueCode: 'draft' },
    ]);
    await h.publish(enrolled('m1'));
    await h.publish(payerEvent('payer.attribution-asserted.v1', 'm1', { provider: OF_GROUP, from: '2025-01-01' }));
    const after = await shown(await h.token('c1'));
    expect([after.id, after.quantity]).toEqual([group.id, 1]);
  });

  it('counts by its time, in any order and repeated, and gives the Group a version', async () => {
    const newer = listChanged({ status: 'final', contractSystem: SYSTEM }, 2023);
    const app = await start(newer);
    const { meta } = await shown(app);
    await h.advance(3_600_000);
    await h.publish(listChanged({ status: 'draft', contractSystem: SYSTEM }, 2021), newer);
    expect((await shown(await h.token('c1'))).meta).toEqual(meta);
    expect(await outcomes()).toEqual(['superseded', 'unchanged']);
    expect(await typed(h, PA_LISTS, 'pa.list-recorded.v1')).toHaveLength(1);
    await h.publish(listChanged({ status: 'open', contractSystem: SYSTEM }, 2024));
    const changed = await shown(await h.token('c1'));
    expect(changed.meta.versionId > meta.versionId).toBe(true);
    expect(changed.extension[0]).toMatchObject({ valueCode: 'open' });
  });

  it('A6: gets the default system, and the receipt says so, where it names none', async () => {
    const app = await start(
      listChanged({ status: 'open' }),
      listChanged({ status: 'open', contractSystem: SYSTEM, acoIds: [{ value: 'A1' }] }, 2023),
      listChanged({ status: 'open', contractSystem: SYSTEM, acoIds: [{ system: SYSTEM, value: 'A1' }] }, 2024),
    );
    expect(await outcomes()).toEqual(['recorded: default-system', 'recorded: default-system']);
    expect((await shown(app)).identifier).toContainEqual({ system: SYSTEM, value: 'A1' });
    await h.stop();
    h = await new Harness().start({ contractSystem: 'https://payer.example/k' });
    expect((await shown(await start())).identifier).toContainEqual({ system: 'https://payer.example/k', value: 'K-1' });
  });

  it('A5: is refused with validTo before validFrom, and changes nothing', async () => {
    const app = await start(listChanged({ status: 'open', validFrom: '2025-02-01', validTo: '2025-01-31' }));
    expect((await shown(app)).extension).toHaveLength(1);
    const parked = await typed<{ reason: string; detail: string }>(
      h,
      'payer.provider-events.dead-letter',
      'pa.event-parked.v1',
    );
    expect(parked).toMatchObject([{ reason: 'invalid-data', detail: 'data.validTo: must not lie before validFrom' }]);
  });

  it.each([
    ['A4: an unknown status', { status: 'closed' }, 'data.status'],
    ['a list without a status', {}, 'data.status'],
    ['a provider without a number', { status: 'open', provider: {} }, 'npi or tin is required'],
    ['a day that does not exist', { status: 'open', validFrom: '2025-02-30' }, 'data.validFrom'],
    ['an id without a value', { status: 'open', acoIds: [{ system: SYSTEM }] }, 'data.acoIds.0.value'],
    ['what nobody knows', { status: 'open', state: 'final' }, 'unknown attribute'],
  ])('refuses %s by name', async (_, data, named) => {
    const app = await start(listChanged(data));
    expect((await shown(app)).extension).toHaveLength(1);
    const parked = await typed<{ detail: string }>(h, 'payer.provider-events.dead-letter', 'pa.event-parked.v1');
    expect(parked.map(({ detail }) => detail)).toEqual([expect.stringContaining(named)]);
  });
});
