import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DomainEvent, PA_GROUPS, type ProviderKey } from '@provider-access/events';
import { type BundleJson, find, type GroupJson, members, typed } from '../test/groups.ts';
import { ADMIN, enrolled, Harness, inNetwork, NPI, OTHER_NPI, payerEvent } from '../test/harness.ts';

/** One provider, whose members the payer attributes by NPI, and by NPI and TIN (ATTRIBUTION.md A2, ADR 0098). */
const TIN = '123456789';
const OTHER_TIN = '987654321';
const OF = {
  npi: `npi|${NPI}`,
  tin: `tin|${TIN}`,
  otherTin: `tin|${OTHER_TIN}`,
  otherNpi: `npi|${OTHER_NPI}`,
} as const;
/** By the page: the old id answers for a year (A2). By ADR 0098 a roll-out takes a day. */
const ROLL_OUT_MS = 24 * 3_600_000;
const FORMER_ID_MS = 365 * ROLL_OUT_MS;
type Headers = Record<string, string>;
interface Provider {
  readonly npi: string;
  readonly tin?: string;
  readonly contract?: string;
}
type Shown = GroupJson & { readonly identifier: readonly { readonly value: string }[]; readonly name?: string };

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.publish(
    ...[{ npi: NPI, tin: TIN }, { npi: OTHER_NPI }, { tin: OTHER_TIN }].map((data, i) =>
      payerEvent('payer.network-status-changed.v1', data.npi ?? `t${i}`, {
        ...data,
        status: 'in-network',
        from: '2025-01-01',
      }),
    ),
  );
});
afterEach(() => h.stop());

const attributedTo = (member: string, provider: Provider, more: object = {}): DomainEvent =>
  payerEvent('payer.attribution-asserted.v1', member, { provider, from: '2025-01-01', ...more });
/** Attributes members, one after another, so that the Groups are opened in this order. */
async function attribute(...all: readonly (readonly [string, Provider])[]): Promise<void> {
  for (const [member, provider] of all) {
    h.now += 1000;
    await h.publish(enrolled(member), attributedTo(member, provider));
  }
}
interface Opened {
  readonly group: string;
  readonly providers: readonly string[];
  readonly contract?: string;
}
/** The id of the Group that intake opened for an identity. */
async function openedId({ npi, tin, contract }: Provider): Promise<string> {
  const keys = [`npi|${npi}`, ...(tin === undefined ? [] : [`tin|${tin}`])];
  const all = await typed<Opened>(h, PA_GROUPS, 'pa.group-opened.v1');
  return all.find((one) => one.providers.join() === keys.join() && one.contract === contract)!.group;
}
const found = async (app: Headers, query = ''): Promise<Shown[]> =>
  ((await find(h, app, query)).entry ?? []).map(({ resource }) => resource as Shown);
const idsOf = (list: readonly GroupJson[]): string[] => list.map(({ id }) => id);
const namesOf = (group: GroupJson | undefined): string[] =>
  members(group ?? ({ member: [] } as unknown as GroupJson)).map((reference) => reference.slice('Patient/'.length));

describe('A2 one provider with and without a TIN', () => {
  it('has one Group, whose id is that of the Group that was opened first', async () => {
    const app = await h.app1('c1', [OF.npi]);
    await attribute(['m1', { npi: NPI }]);
    const [before] = await found(app);
    expect(namesOf(before)).toEqual(['m1']);
    await attribute(['m2', { npi: NPI, tin: TIN }], ['m1', { npi: NPI, tin: TIN }]);
    const all = await found(app);
    expect(idsOf(all)).toEqual([before!.id]);
    expect([namesOf(all[0]), all[0]!.quantity]).toEqual([['m1', 'm2'], 2]);
    expect(all[0]!.identifier.map(({ value }) => value)).toEqual([NPI, TIN]);
    expect(await openedId({ npi: NPI })).toBe(before!.id);
  });

  it('has the id of the Group with the TIN, if that was opened first', async () => {
    const app = await h.app1('c1', [OF.npi]);
    await attribute(['m1', { npi: NPI, tin: TIN }], ['m2', { npi: NPI }]);
    const all = await found(app);
    expect(idsOf(all)).toEqual([await openedId({ npi: NPI, tin: TIN })]);
    expect(namesOf(all[0])).toEqual(['m1', 'm2']);
    for (const [name, value] of [
      ['identifier', NPI],
      ['identifier', TIN],
      ['identifier', '12-3456789'],
    ])
      expect([value, idsOf(await found(app, `?${name}=${value}`))]).toEqual([value, idsOf(all)]);
  });

  it('leaves a second TIN and another contract of the NPI lists of their own', async () => {
    const app = await h.app1('c1', [OF.npi]);
    await attribute(
      ['m1', { npi: NPI }],
      ['m2', { npi: NPI, tin: TIN }],
      ['m3', { npi: NPI, tin: OTHER_TIN }],
      ['m4', { npi: NPI, contract: 'K' }],
    );
    const lists = (await found(app)).map((group) => [group.id, namesOf(group)]);
    expect(new Map(lists as [string, string[]][])).toEqual(
      new Map([
        [await openedId({ npi: NPI }), ['m1', 'm2']],
        [await openedId({ npi: NPI, tin: OTHER_TIN }), ['m3']],
        [await openedId({ npi: NPI, contract: 'K' }), ['m4']],
      ]),
    );
  });

  it('has each member once, in pages, with all who are in one part alone', async () => {
    const app = await h.app1('c1', [OF.npi]);
    const all = Array.from({ length: 520 }, (_, i) => `m${String(i).padStart(4, '0')}`);
    await attribute(['a', { npi: NPI }], ['b', { npi: NPI, tin: TIN }]);
    await h.append(
      ...all.flatMap((member, i) => [
        enrolled(member),
        ...(i % 3 === 1 ? [] : [attributedTo(member, { npi: NPI })]),
        ...(i % 3 === 0 ? [] : [attributedTo(member, { npi: NPI, tin: TIN })]),
      ]),
    );
    await h.passed();
    const [group] = await found(app);
    expect(namesOf(group)).toEqual(['a', 'b', ...all]);
    expect(group!.quantity).toBe(522);
    const summary = (await h.get(`/fhir/Group/${group!.id}?_summary=true`, app)).json<GroupJson>();
    expect([summary.quantity, summary.meta]).toEqual([522, { ...group!.meta, tag: expect.anything() as unknown }]);
  });

  it('shows the attribution that lasts longest, and one entry for a member who has both (A8)', async () => {
    const app = await h.app1('c1', [OF.npi]);
    await attribute(['m2', { npi: NPI, tin: TIN }]);
    await h.publish(enrolled('m1'), attributedTo('m1', { npi: NPI }, { to: '2027-12-31' }));
    await h.publish(attributedTo('m1', { npi: NPI, tin: TIN }, { from: '2025-06-01' }));
    const [group] = await found(app);
    expect(namesOf(group)).toEqual(['m1', 'm2']);
    expect(group!.member![0]!.period).toEqual({ start: '2025-06-01T00:00:00.000Z' });
  });
});

describe('A2 the id of the Group that became part of another one', () => {
  const text = async (path: string, app: Headers): Promise<readonly [number, string]> => {
    const { statusCode, body } = await h.get(path, app);
    return [statusCode, body];
  };

  it('answers with the new Group for a year, then as an unknown id does', async () => {
    let app: Headers = await h.app1('c1', [OF.npi]);
    await attribute(['m1', { npi: NPI }], ['m2', { npi: NPI, tin: TIN }]);
    const [group] = await found(app);
    const former = await openedId({ npi: NPI, tin: TIN });
    const read = await h.get(`/fhir/Group/${former}`, app);
    expect([read.statusCode, read.json()]).toEqual([200, group]);
    expect(read.headers['content-location']).toBe(`https://pa.example/fhir/Group/${group!.id}`);
    expect((await h.get(`/fhir/Group/${group!.id}`, app)).headers['content-location']).toBeUndefined();
    expect(read.headers.etag).toBe((await h.get(`/fhir/Group/${group!.id}`, app)).headers.etag);
    expect(idsOf(await found(app, `?_id=${former}`))).toEqual([group!.id]);
    const history = (await h.get(`/fhir/Group/${former}/_history`, app)).json<BundleJson>();
    expect(history.entry!.map(({ fullUrl, resource }) => [fullUrl, resource])).toEqual([
      [`https://pa.example/fhir/Group/${group!.id}`, group],
    ]);
    expect((await text(`/fhir/Group/${former}/_history/${group!.meta.versionId}`, app))[0]).toBe(200);

    await h.advance(FORMER_ID_MS - 5000);
    await h.publish(inNetwork(OTHER_NPI));
    app = await h.token('c1');
    expect((await text(`/fhir/Group/${former}`, app))[0]).toBe(200);
    await h.advance(ROLL_OUT_MS + 10_000);
    await h.publish(inNetwork(OTHER_NPI));
    app = await h.token('c1');
    const unknown = await text(`/fhir/Group/${'a'.repeat(26)}`, app);
    expect(unknown[0]).toBe(404);
    expect(await text(`/fhir/Group/${former}`, app)).toEqual(unknown);
    expect(await found(app, `?_id=${former}`)).toEqual([]);
    expect(namesOf((await found(app))[0])).toEqual(['m1', 'm2']);
  });

  it('counts from the first look of this release, if the Groups were opened before', async () => {
    await attribute(['m1', { npi: NPI }], ['m2', { npi: NPI, tin: TIN }]);
    const former = await openedId({ npi: NPI, tin: TIN });
    await h.advance(2 * FORMER_ID_MS);
    await h.publish(inNetwork(OTHER_NPI));
    const app = await h.app1('c1', [OF.npi]);
    const [group] = await found(app);
    expect((await h.get(`/fhir/Group/${former}`, app)).json()).toEqual(group);
    // The state store has the moment, so another process gives the same answer.
    expect(h.calls.filter((call) => call.startsWith('claims.claim'))).not.toEqual([]);
  });

  it('does not break a page link that an earlier build gave', async () => {
    const app = await h.app1('c1', [OF.npi, OF.otherNpi]);
    await attribute(['m1', { npi: NPI }], ['m2', { npi: NPI, tin: TIN }], ['m3', { npi: OTHER_NPI }]);
    const former = await openedId({ npi: NPI, tin: TIN });
    const { statusCode } = await h.get(`/fhir/Group?_sort=_lastUpdated&_count=1&_page=${former}`, app);
    expect(statusCode).toBe(200);
  });
});

describe('A2 what operators see of a list with two parts', () => {
  const opened = async (): Promise<readonly string[]> => {
    await attribute(['m1', { npi: NPI }], ['m2', { npi: NPI, tin: TIN }], ['m3', { npi: OTHER_NPI }]);
    await h.publish(attributedTo('m1', { npi: NPI, tin: TIN }));
    return Promise.all([{ npi: NPI }, { npi: NPI, tin: TIN }, { npi: OTHER_NPI }].map(openedId));
  };
  const operator = { authorization: `Bearer ${ADMIN}` };

  it('is one row of /ops/lists, which counts each member once', async () => {
    const [list, , other] = await opened();
    interface Row {
      readonly group: string;
      readonly members: number;
      readonly providers: readonly string[];
    }
    const rows: Row[] = [];
    let next: string | undefined = '/ops/lists';
    while (next !== undefined) {
      const page: { lists: Row[]; next?: string } = (await h.get(next, operator)).json();
      rows.push(...page.lists);
      next = page.next;
    }
    expect(new Map(rows.map(({ group, members: count, providers }) => [group, [count, providers]]))).toEqual(
      new Map([
        [list, [2, [OF.npi, OF.tin]]],
        [other, [1, [OF.otherNpi]]],
      ]),
    );
    expect(rows).toHaveLength(2);
  });

  it('is the list that explain names for an app of the NPI, and for an app of the TIN its own', async () => {
    const [list, taxed] = await opened();
    await h.app1('c1', [OF.npi]);
    await h.app1('c2', [OF.tin]);
    const listsOf = async (client: string): Promise<Record<string, string>> => {
      const answer = await h.get(`/ops/explain?client=${client}&member=m1`, operator);
      const { memberFacts } = answer.json<{ memberFacts: { attributions: { group: string; list: string }[] } }>();
      return Object.fromEntries(memberFacts.attributions.map((one) => [one.group, one.list]));
    };
    expect(await listsOf('c1')).toEqual({ [list!]: list, [taxed!]: list });
    expect(await listsOf('c2')).toEqual({ [list!]: list, [taxed!]: taxed });
  });
});

describe('A2 nobody sees more than before', () => {
  /** Each attribution by hand: the member, and the identifiers that it names. */
  const TRUTH: readonly (readonly [string, Provider])[] = [
    ['m1', { npi: NPI }],
    ['m2', { npi: NPI, tin: TIN }],
    ['m3', { npi: NPI }],
    ['m3', { npi: NPI, tin: TIN }],
    ['m4', { npi: NPI, tin: OTHER_TIN }],
    ['m5', { npi: OTHER_NPI, tin: TIN }],
    ['m6', { npi: OTHER_NPI }],
  ];
  const named = ({ npi, tin }: Provider): ProviderKey[] => [
    `npi|${npi}`,
    ...(tin === undefined ? [] : [`tin|${tin}` as const]),
  ];
  const BINDINGS: readonly (readonly ProviderKey[])[] = [
    [OF.npi],
    [OF.tin],
    [OF.otherTin],
    [OF.otherNpi],
    [OF.npi, OF.tin],
    [OF.tin, OF.otherTin],
    [OF.otherNpi, OF.tin],
  ];

  it.each([0, 1])('shows a client the members whose attribution names its identifiers, and no others', async (turn) => {
    await attribute(...(turn === 0 ? TRUTH : TRUTH.toReversed()));
    const ids = await Promise.all(TRUTH.map(([, provider]) => openedId(provider)));
    for (const [i, binding] of BINDINGS.entries()) {
      const app = await h.app1(`c${i}`, binding);
      const mine = TRUTH.filter(([, provider]) => named(provider).some((key) => binding.includes(key)));
      const lists = await found(app);
      const expected = [...new Set(mine.map(([member]) => member))].toSorted();
      expect([binding, [...new Set(lists.flatMap(namesOf))].toSorted()]).toEqual([binding, expected]);
      // Under no id of anybody's Group does it see others.
      for (const id of new Set(ids)) {
        const { statusCode, body } = await h.get(`/fhir/Group/${id}`, app);
        const shown = statusCode === 200 ? namesOf(JSON.parse(body) as GroupJson) : [];
        expect(shown.filter((member) => !expected.includes(member))).toEqual([]);
      }
    }
  });

  it('shows a client of the TIN alone its part under its own id, which does not end after a year', async () => {
    await attribute(['m1', { npi: NPI }], ['m2', { npi: NPI, tin: TIN }]);
    const [first, second] = [await openedId({ npi: NPI }), await openedId({ npi: NPI, tin: TIN })];
    await found(await h.app1('c1', [OF.npi]));
    let app: Headers = await h.app1('c2', [OF.tin]);
    for (const ms of [0, 2 * FORMER_ID_MS]) {
      await h.advance(ms);
      await h.publish(inNetwork(OTHER_NPI));
      app = await h.token('c2');
      const all = await found(app);
      expect(all.map((group) => [group.id, namesOf(group)])).toEqual([[second, ['m2']]]);
      const [foreign, unknown] = await Promise.all(
        [first, 'a'.repeat(26)].map(async (id) => {
          h.calls.splice(0);
          const { statusCode, body } = await h.get(`/fhir/Group/${id}`, app);
          return [statusCode, body, [...h.calls]];
        }),
      );
      expect(foreign).toEqual(unknown);
      expect(foreign![0]).toBe(404);
    }
  });

  it('shows a client of the TIN alone nothing that the payer says about the list without it', async () => {
    await attribute(['m1', { npi: NPI }], ['m2', { npi: NPI, tin: TIN }]);
    const listChanged = (provider: Provider, name: string, year: number): DomainEvent =>
      payerEvent('payer.list-changed.v1', NPI, { provider, status: 'open', name }, { time: `${year}-06-01T12:00:00Z` });
    await h.publish(listChanged({ npi: NPI }, 'newer', 2024), listChanged({ npi: NPI, tin: TIN }, 'older', 2023));
    await h.publish(inNetwork(OTHER_NPI));
    const [both] = await found(await h.app1('c1', [OF.npi]));
    const [part] = await found(await h.app1('c2', [OF.tin]));
    expect([both!.name, part!.name]).toEqual(['newer', 'older']);
  });

  it('keeps the id while one part is out of network, and shows the other part alone', async () => {
    const app = await h.app1('c1', [OF.npi]);
    await attribute(['m1', { npi: NPI, tin: TIN }], ['m2', { npi: NPI }]);
    const [before] = await found(app);
    await h.publish(
      payerEvent('payer.network-status-changed.v1', 't', { tin: TIN, status: 'out-of-network', from: '2025-02-01' }),
    );
    const all = await found(app);
    expect(idsOf(all)).toEqual([before!.id]);
    expect(all.map((group) => [namesOf(group), group.identifier.map(({ value }) => value)])).toEqual([[['m2'], [NPI]]]);
  });

  it('gives the same version under both ids, whichever is asked first', async () => {
    const app = await h.app1('c1', [OF.npi]);
    await attribute(['m1', { npi: NPI }], ['m2', { npi: NPI, tin: TIN }]);
    const [first, second] = [await openedId({ npi: NPI }), await openedId({ npi: NPI, tin: TIN })];
    const versions: string[] = [];
    for (const id of [second, first, second, first]) {
      await h.advance(1000);
      versions.push((await h.get(`/fhir/Group/${id}`, app)).json<GroupJson>().meta.versionId);
    }
    expect(new Set(versions).size).toBe(1);
  });
});
