import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEFAULT_LABEL_POLICY } from '@provider-access/domain/pdex/labels';
import { type Found, storedKeys } from '@provider-access/domain/pdex/match';
import { asked, ENGINES, ORDER, OURS, patientOf, World } from '../test/match-world.ts';
import { LabelGate, memberKeys, RecordsReader } from './index.ts';
import { MOST_DOCUMENTS } from './match-index.ts';

const NOBODY: Found = { miss: 'nobody' };
const ANOTHER: Found = { miss: 'id-of-another' };
const SEVERAL: Found = { miss: 'several' };

describe.each(Object.keys(ENGINES))('the index of members on %s', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await World.open(engine);
  });
  afterEach(() => world.close());

  it('finds by the number of a member, by that of a subscriber, and by demographics (M40, M41)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.coverage('m1', { subscriberId: 'S1' });
    await world.coverage('m1', { id: 'W1-OLD' }, 'c2');
    const found = await world.find(
      asked({ id: 'w-1' }),
      asked({ id: 'W1-OLD', given: ['Bob'] }),
      asked({ subscriberId: 'S1', zip: '99999' }),
      asked({ id: 'W2' }),
      asked({ id: 'W2', zip: '99999' }),
      asked({ id: 'W2', family: 'Jones' }),
    );
    expect(found).toEqual([...Array.from({ length: 4 }, () => ({ member: 'm1' })), { miss: 'differs' }, NOBODY]);
  });

  it('finds nobody by the id of another member, whatever else agrees (M40)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m2', { id: 'W2', family: 'Jones', birthDate: '1990-01-01' });
    await world.coverage('m3', { id: 'W3' });
    expect(await world.find(asked({ id: 'W2' }), asked({ id: 'W3' }))).toEqual([ANOTHER, ANOTHER]);
  });

  it('finds nobody among several (M32)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m2', { id: 'W1' });
    expect(await world.find(asked({ id: 'W1' }), asked())).toEqual([SEVERAL, SEVERAL]);
  });

  it('follows a change: the new name and id count, and the former ones no longer (M44)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m1', { id: 'W9', family: 'Jones' }, 2);
    await world.patient('m1', { id: 'W5', family: 'Late' }, 1);
    expect(
      await world.find(
        asked({ id: 'W9', family: 'Jones' }),
        asked({ family: 'Jones' }),
        asked({ id: 'W1' }),
        asked({ id: 'W5', family: 'Late' }),
      ),
    ).toEqual([{ member: 'm1' }, { member: 'm1' }, NOBODY, NOBODY]);
  });

  it('forgets a removed Patient, and the ids of a removed Coverage', async () => {
    await world.patient('m1');
    await world.coverage('m1', { id: 'W1' });
    await world.put('m1', { resourceType: 'Coverage', id: 'm1-c' }, { day: 2, gone: 'deleted' });
    expect(await world.find(asked({ id: 'W1' }))).toEqual([{ member: 'm1' }]);
    await world.put('m1', { resourceType: 'Patient', id: 'm1' }, { day: 2, gone: 'deleted' });
    expect(await world.find(asked({ id: 'W1' }), asked())).toEqual([NOBODY, NOBODY]);
  });

  it('leads from the id of a merged member to the one that stays (M44)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.coverage('m1', { subscriberId: 'S1' });
    await world.patient('m2', { id: 'W2', family: 'Smith-Jones' });
    world.facts.set('m1', { mergedWith: ['m2'], retired: true });
    world.facts.set('m2', { mergedWith: ['m1', 'm3'], retired: true });
    world.facts.set('m3', { mergedWith: ['m2'] });
    // The Patient of the id that stays is not there yet.
    const m3 = { member: 'm3', merged: ['m1', 'm2'] };
    expect(await world.find(asked({ id: 'W1' }))).toEqual([m3]);
    await world.patient('m3', { id: 'W3', family: 'Jones' });
    const now = { family: 'Jones' };
    expect(
      await world.find(
        asked({ ...now, id: 'W1' }),
        asked({ ...now, subscriberId: 'S1' }),
        asked({ ...now, id: 'W3' }),
        asked(now),
        asked({ id: 'W1' }),
      ),
    ).toEqual([...Array.from({ length: 4 }, () => m3), ANOTHER]);
  });

  it('takes merged members for one, so that an id of both is of one (M32)', async () => {
    await world.patient('m1', { id: 'W1', given: ['Baby Boy'] });
    await world.patient('m2', { id: 'W1', given: ['Robert'] });
    expect(await world.find(asked({ id: 'W1', given: ['Baby Boy'] }))).toEqual([SEVERAL]);
    world.facts.set('m1', { mergedWith: ['m2'], retired: true });
    world.facts.set('m2', { mergedWith: ['m1'] });
    const m2 = { member: 'm2', merged: ['m1'] };
    expect(await world.find(asked({ id: 'W1' }), asked({ id: 'W1', given: ['Baby Boy'] }))).toEqual([m2, m2]);
  });

  it('follows a Coverage that moved to the id that stays', async () => {
    await world.patient('m2', {});
    await world.coverage('m1', { id: 'W1' }, 'c1');
    await world.put('m1', { resourceType: 'Coverage', id: 'c1' }, { day: 2, gone: 'merged' });
    await world.coverage('m2', { id: 'W1' }, 'c1', 2);
    expect(await world.find(asked({ id: 'W1', zip: '0' }))).toEqual([{ member: 'm2' }]);
  });

  it('answers for a withheld Patient as for nobody, and takes the labels from the record at each search', async () => {
    await world.patient('m1', { id: 'W1' });
    world.withheld.add('m1');
    expect(await world.find(asked({ id: 'W1' }), asked())).toEqual([NOBODY, NOBODY]);
    // A withheld Patient is still a candidate: otherwise it would decide whether another one is found.
    await world.patient('m2', { id: 'W1' });
    expect(await world.find(asked({ id: 'W1' }), asked())).toEqual([SEVERAL, SEVERAL]);
    world.withheld.clear();
    await world.put('m2', patientOf('m2'), { day: 2, gone: 'deleted' });
    expect(await world.find(asked({ id: 'W1' }))).toEqual([{ member: 'm1' }]);
  });

  it('asks the gate that reads and exports ask', async () => {
    await world.patient('m1', { id: 'W1' });
    const security = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'HIV' }];
    await world.put('m2', { ...patientOf('m2', { id: 'W2' }), meta: { security } });
    const gate = new LabelGate({
      policy: DEFAULT_LABEL_POLICY,
      records: new RecordsReader(world.views),
      members: { getMany: async (ids) => ids.map(() => undefined) },
      clock: { now: () => 0 },
    });
    const party = { client: () => undefined, identity: () => [], lines: () => [], asOf: () => undefined };
    const finder = world.index.finder(() => gate.check(party, 'app1'));
    expect(await finder.find([asked({ id: 'W1' }), asked({ id: 'W2' })])).toEqual([{ member: 'm1' }, NOBODY]);
    await world.put('m2', patientOf('m2', { id: 'W2' }), { day: 2 });
    expect(await finder.find([asked({ id: 'W2' })])).toEqual([{ member: 'm2' }]);
  });

  it('answers the same after a rebuild (M44)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m2', { id: 'W2', family: 'Jones' });
    await world.put('m2', patientOf('m2'), { day: 2, gone: 'deleted' });
    await world.coverage('m1', { subscriberId: 'S1' });
    const questions = [asked({ id: 'W1' }), asked({ id: 'W2', family: 'Jones' }), asked({ subscriberId: 'S1' })];
    const before = await world.find(...questions);
    await world.set.rebuild(memberKeys.name);
    expect(await world.find(...questions)).toEqual(before);
    expect(before).toEqual([{ member: 'm1' }, NOBODY, { member: 'm1' }]);
  });

  it('finds nobody for a bundle with more ids than a Coverage has (M77)', async () => {
    await world.patient('m1', { id: 'W5' });
    const memberIds = Array.from({ length: 6 }, (_, n) => ({ system: OURS, value: `W${n}` }));
    expect(await world.find({ ...asked(), memberIds })).toEqual([SEVERAL]);
  });

  it('answers 503 rather than "nobody" while the index lacks records', async () => {
    await world.patient('m1', { id: 'W1' });
    const reader = vi.spyOn(Object.getPrototypeOf(world.views.reader(memberKeys)), 'waitFor').mockResolvedValue(false);
    await expect(world.find(asked({ id: 'W1' }))).rejects.toThrow(/does not keep up/);
    reader.mockRestore();
  });

  it('costs the same queries for one who is found, withheld, unknown, ambiguous or merged (M59)', async () => {
    await world.patient('m1', { id: 'W1' });
    await world.patient('m2', { id: 'W2', family: 'Two' });
    await world.patient('m3', { id: 'W3', family: 'Three' });
    await world.patient('m4', { id: 'W3', family: 'Three' });
    world.facts.set('m2', { mergedWith: ['m5'] });
    world.withheld.add('m2');
    const costs = await world.queries(asked({ id: 'W1' }));
    expect(costs).toEqual(['consents', ...Array.from({ length: 6 }, () => 'facts'), 'getMany', 'getMany', 'ids']);
    for (const one of [
      asked({ id: 'W2', family: 'Two' }),
      asked({ id: 'W3', family: 'Three' }),
      asked({ id: 'unknown', family: 'Unknown' }),
      asked({ id: 'W1', family: 'Other' }),
      asked({ birthDate: '1980' }),
      { ...asked(), memberIds: Array.from({ length: 9 }, (_, n) => ({ value: `x${n}` })) },
    ])
      expect(await world.queries(one)).toEqual(costs);
    const hundred = Array.from({ length: 100 }, (_, n) => asked({ id: `W${n}` }));
    expect((await world.queries(...hundred)).filter((name) => name !== 'consents')).toHaveLength(9);
    expect((await world.queries(...hundred, asked())).filter((name) => name !== 'consents')).toHaveLength(18);
  });

  it('finds others beside a question whose id hundreds of records have, and nobody for that one', async () => {
    await world.patient('m1', { id: 'W1' });
    const ops = Array.from({ length: 5 * MOST_DOCUMENTS }, (_, n) => ({
      ...{ id: `x${n}/Coverage/c`, part: 'member', partition: 0, offset: 1_000_000 + n },
      value: { ...ORDER, keys: storedKeys({ resourceType: 'Coverage', subscriberId: 'GROUP' }) },
    }));
    await world.find();
    await world.find(asked({ id: 'W1' }));
    await world.views.store.apply(memberKeys, 1, ops);
    const popular = asked({ subscriberId: 'GROUP' });
    expect(await world.find(popular)).toEqual([SEVERAL]);
    expect(await world.find(popular, asked({ id: 'W1' }))).toEqual([SEVERAL, { member: 'm1' }]);
    const many = Array.from({ length: 20 }, () => asked({ id: 'W1' }));
    expect(await world.find(...many, popular)).toEqual([...many.map(() => ({ member: 'm1' })), SEVERAL]);
  });
});

it('costs the same queries with 100 and with 2,000 members in the store (M44)', async () => {
  const world = await World.open('SQLite');
  try {
    const [few, many] = await world.costs([100, 2000]);
    expect(many).toEqual(few);
  } finally {
    await world.close();
  }
});
