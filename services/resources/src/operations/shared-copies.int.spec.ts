import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { countedViews } from '../../test/counted-views.ts';
import { type Answer, type EventInput, House, type Loose } from '../../test/harness.ts';

/**
 * A payer may publish a Medication or a Device with a member, or without a patient for everybody, or both under one id.
 * US Core 6.1.0, CapabilityStatement of the server: "If an external Medication Resource is used in a
 * MedicationRequest, then the READ SHALL be supported."
 */
const WITHHELD = { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] };
type Copy = 'none' | 'open' | 'withheld' | 'removed';

/** Who has a copy: the client's member, a member whom the client may not see, and the payer's directory. */
interface Copies {
  readonly type: string;
  readonly id: string;
  readonly own: Copy;
  readonly hidden: 'none' | 'out' | 'theirs';
  readonly shared: Copy;
}
/** All ids have one length, so that answers about two of them can be compared by their length. */
const idOf = (name: string): string => name.padEnd(24, '-');
const COPIES: readonly Copies[] = ['Medication', 'Device'].flatMap((type) =>
  (['none', 'open', 'withheld', 'removed'] as const).flatMap((own) =>
    (['none', 'out', 'theirs'] as const).flatMap((hidden) =>
      (['none', 'open', 'withheld', 'removed'] as const)
        .map((shared) => ({ type, id: idOf(`${own}-${hidden}-${shared}`), own, hidden, shared }))
        // One member has a Device. A resource that another member has now was not removed.
        .filter(() => hidden === 'none' || own === 'none' || (type === 'Medication' && own !== 'removed')),
    ),
  ),
);

/** The events that make a copy. `lot` tells whose it is; the other elements are the same. */
function published(member: string, { type, id }: Copies, copy: Copy): EventInput[] {
  if (copy === 'none') return [];
  const resource = {
    resourceType: type,
    id,
    ...(copy === 'withheld' && { meta: WITHHELD }),
    ...(type === 'Medication' ? { batch: { lotNumber: member } } : { lotNumber: member }),
  };
  const as = member === 'shared' ? { type: 'payer.provider-recorded.v1', subject: '1234567893' } : { subject: member };
  const removed = { ...resource, status: 'entered-in-error' };
  return [
    { ...as, resource },
    ...(copy === 'removed' ? [{ ...as, time: '2025-06-01T00:00:00Z', resource: removed }] : []),
  ];
}

describe('a Medication or Device that members, the payer or both have', () => {
  const statements: string[] = [];
  let house: House;
  let token: string;
  let other: string;

  beforeAll(async () => {
    house = await House.open({ views: countedViews(openMemoryViews(), statements) });
    await house.approve('app1');
    await house.approve('app2', 'npi|1245319599');
    for (const member of ['m1', 'm2', 'out']) await house.attribute(member);
    await house.attribute('theirs', 'npi|1245319599');
    await house.optOut('out');
    token = await house.token('app1');
    other = await house.token('app2');
    const events = COPIES.flatMap((of) => [
      ...published('m1', of, of.own),
      ...published(of.hidden, of, of.hidden === 'none' ? 'none' : 'open'),
      ...published('shared', of, of.shared),
    ]);
    const both = ['m1', 'm2'].map((subject) => ({ subject, resource: { resourceType: 'Medication', id: 'of-two' } }));
    const request = {
      resourceType: 'MedicationRequest',
      id: 'rx',
      status: 'active',
      intent: 'order',
      medicationReference: { reference: `Medication/${idOf('none-none-open')}` },
      subject: { reference: 'Patient/m1' },
    };
    const { receipt } = await house.publish([...events, ...both, { subject: 'm1', resource: request }]);
    expect(receipt.counts).not.toHaveProperty('parked');
    await house.settled();
  });
  afterAll(() => house.close());

  const get = (path: string, t = token): Promise<Answer> => house.call('GET', `/fhir/${path}`, { token: t });
  const idsOf = ({ entry = [] }: Loose): string[] => entry.map(({ resource }: Loose) => resource.id);
  const lotOf = ({ batch, lotNumber }: Loose): string => batch?.lotNumber ?? lotNumber;

  /** What the client sees: the copy of its own member, else the shared one. A withheld copy is no copy. */
  function expected({ own, shared }: Copies): { status: number; of?: string } {
    if (own === 'open') return { status: 200, of: 'm1' };
    if (shared === 'open') return { status: 200, of: 'shared' };
    return { status: own === 'removed' || shared === 'removed' ? 410 : 404 };
  }

  it.each(COPIES)('$type $id: read, vread, history and search give the copy that may be seen', async (copies) => {
    const { type, id } = copies;
    const { status, of } = expected(copies);
    const answer = await get(`${type}/${id}`);
    expect(answer.status).toBe(status);
    expect([200, 404]).toContain((await get(`${type}/${id}/_history/1`)).status);
    const { total, entry = [] } = (await get(`${type}?_id=${id}`)).json();
    expect(total).toBe(of === undefined ? 0 : 1);
    const history = await get(`${type}/${id}/_history`);
    if (of === undefined) return;
    expect([lotOf(answer.json()), lotOf(entry[0].resource)]).toEqual([of, of]);
    expect((await get(`${type}/${id}/_history/1`)).json()).toEqual(answer.json());
    expect(history.json().entry.map(({ resource }: Loose) => lotOf(resource))).toEqual([of]);
  });

  it('answers, queries and audit do not tell what copies there are that the client may not see', async () => {
    const seen = new Map<string, { readonly id: string; readonly answers: unknown }>();
    for (const copies of COPIES) {
      const { type, id, own, shared } = copies;
      const answers: unknown[] = [];
      for (const form of [`${type}/${id}`, `${type}/${id}/_history`, `${type}/${id}/_history/1`, `${type}?_id=${id}`]) {
        const before = (await house.audited()).length;
        statements.splice(0);
        const { status, headers, text } = await get(form);
        const asked = statements.splice(0).filter((statement) => !/^receipts|position|waitFor/.test(statement));
        // One query decides about all who have a copy, and one reads the heads of all labelled records of a member.
        const queries = asked.map((statement) => statement.replace(/getMany \d+/, 'getMany'));
        const audited = (await house.audited()).length - before;
        answers.push([status, { ...headers, date: 0, 'last-modified': 0 }, shortened(text, id), queries, audited]);
      }
      const visible = (copy: Copy): string => (copy === 'withheld' ? 'none' : copy);
      // With an own copy, a shared one makes no difference either.
      const key = `${type} ${visible(own)} ${own === 'open' ? '' : visible(shared)}`;
      const known = seen.get(key);
      if (known === undefined) seen.set(key, { id, answers });
      else expect(answers, `${type} ${id} as ${known.id}`).toEqual(known.answers);
    }
    expect(seen.size).toBe(2 * (1 + 2 * 3));
  });
  const shortened = (text: string, id: string): string =>
    text.replaceAll(id, 'ID').replaceAll(/"\d{4}-\d\d-\d\dT[^"]+"/g, '"TIME"');

  it('each client gets what it may see: its own copy, else the shared one', async () => {
    const theirs = (await get(`Medication/${idOf('open-theirs-open')}`, other)).json();
    expect(lotOf(theirs)).toBe('theirs');
    expect(lotOf((await get(`Device/${idOf('none-out-open')}`, other)).json())).toBe('shared');
    expect((await get(`Medication/${idOf('open-none-none')}`, other)).text).toBe(
      (await get('Medication/unknown', other)).text,
    );
  });

  it('a read gives what an include gives', async () => {
    const { entry } = (await get('MedicationRequest?_id=rx&_include=MedicationRequest:medication')).json();
    expect(entry[1].resource).toEqual((await get(`Medication/${idOf('none-none-open')}`)).json());
  });

  it('a search of several ids has each resource once, over all pages', async () => {
    const ids = COPIES.filter(({ type }) => type === 'Medication').map(({ id }) => id);
    const found: string[] = [];
    let next: string | undefined = `Medication?_id=${ids.join()},of-two&_count=3&_total=accurate`;
    while (next !== undefined) {
      const page: Loose = (await get(next)).json();
      found.push(...idsOf(page));
      expect(page.total).toBe(1 + COPIES.filter((of) => of.type === 'Medication' && expected(of).of).length);
      next = page.link.find(({ relation }: Loose) => relation === 'next')?.url.replace(/^.*\/fhir\//, '');
    }
    const visible = COPIES.filter((of) => of.type === 'Medication' && expected(of).of).map(({ id }) => id);
    expect(found.toSorted()).toEqual([...visible, 'of-two'].toSorted());
  });

  it('a search by patient finds the Devices of that patient alone', async () => {
    const own = COPIES.filter((of) => of.type === 'Device' && of.own === 'open').map(({ id }) => id);
    expect(idsOf((await get('Device?patient=m1')).json()).toSorted()).toEqual(own.toSorted());
    expect((await get(`Device?_id=${idOf('none-none-open')}&patient=m1`)).json().total).toBe(0);
    expect((await get(`Device?_id=${idOf('none-none-open')}&patient.identifier=x`)).json().total).toBe(0);
  });

  it('is recorded as released without a member, and as no refusal', async () => {
    const before = (await house.audited()).filter(({ client }) => client === 'app1').length;
    await get(`Medication/${idOf('none-out-open')}`);
    await get(`Medication?_id=${idOf('none-out-open')}`);
    // Entries of two clients have no order.
    const entries = (await house.audited()).filter(({ client }) => client === 'app1').slice(before);
    const release = { client: 'app1', outcome: 'released', members: [], resources: 1, types: ['Medication'] };
    for (const action of ['read', 'search'])
      expect(entries).toContainEqual(expect.objectContaining({ ...release, action }));
    expect(entries).toHaveLength(2);
    await get(`Medication?_id=${idOf('none-out-none')},${idOf('none-none-open')}`);
    const refusal = { outcome: 'refused', members: ['out'], reason: 'opted-out' };
    expect((await house.audited()).slice(before + 2)).toContainEqual(expect.objectContaining(refusal));
  });

  it('names no patient: intake makes a dead letter of a shared one that does', async () => {
    const named = [
      { resourceType: 'Device', id: 'named', patient: { reference: 'Patient/m1' } },
      { resourceType: 'Device', id: 'note', note: [{ text: 'x', authorReference: { reference: 'Patient/m1' } }] },
      { resourceType: 'Medication', id: 'inside', contained: [{ resourceType: 'Patient', id: 'p' }] },
    ];
    const { receipt } = await house.publish(
      named.map((resource) => ({ type: 'payer.provider-recorded.v1', subject: '1234567893', resource })),
    );
    expect(receipt.counts).toEqual({ parked: named.length });
    for (const { resourceType, id } of named) expect((await get(`${resourceType}/${id}`)).status).toBe(404);
  });

  it('is 503 with facts that are too old', async () => {
    const stale = await House.open({ boundMs: 300 });
    try {
      await stale.approve('app1');
      const [copies] = COPIES.filter(({ id }) => id === idOf('none-none-open'));
      await stale.publish(published('shared', copies!, 'open'));
      await stale.settled();
      const asked = async (path: string): Promise<number> =>
        (await stale.call('GET', `/fhir/${path}`, { token: await stale.token('app1') })).status;
      expect(await asked(`Medication/${idOf('none-none-open')}`)).toBe(200);
      await stale.ageFacts('consent');
      await expect.poll(() => asked(`Medication/${idOf('none-none-open')}`)).toBe(503);
      expect(await asked(`Medication?_id=${idOf('none-none-open')}`)).toBe(503);
    } finally {
      await stale.close();
    }
  });
});
