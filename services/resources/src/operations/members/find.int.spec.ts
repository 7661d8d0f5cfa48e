import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { House } from '../../../test/harness.ts';

let house: House;
beforeEach(async () => {
  house = await House.open();
});
afterEach(() => house.close());

const MB = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] };
const patient = (id: string, given: string, family = 'Núñez-Smith', birthDate = '1980-03-04'): object => ({
  type: 'payer.resource-recorded.v1',
  subject: id,
  data: {
    resource: {
      resourceType: 'Patient',
      id,
      birthDate,
      name: [
        { use: 'old', family: 'Miller', given: [given] },
        { use: 'official', family, given: [given] },
      ],
      identifier: [{ type: MB, system: 'https://payer.example/members', value: `H-${id}` }],
    },
  },
});
const publish = async (...events: readonly object[]): Promise<void> => {
  await house.publish(events);
  await house.settled();
};
const find = (said: unknown): ReturnType<House['call']> =>
  house.call('POST', '/ops/members/find', {
    token: house.administratorToken,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(said),
  });
const found = async (json: unknown): Promise<unknown> => {
  const { status, text } = await find(json);
  expect(status, text).toBe(200);
  return JSON.parse(text);
};
const ANA = { member: 'm-1', name: 'Ana Núñez-Smith', birthDate: '1980-03-04' };
const NONE = { members: [], more: false };

describe('a person of the call centre finds a member', () => {
  test('by the family name and the birth date, however the name is written, and by a former name', async () => {
    await publish(patient('m-1', 'Ana'), patient('m-2', 'Ana', 'Other'));
    for (const family of ['Núñez-Smith', 'NUNEZ SMITH', 'nunezsmith jr.', 'Miller'])
      expect(await found({ family, birthDate: '1980-03-04' }), family).toEqual(
        family === 'Miller'
          ? { members: [ANA, { ...ANA, member: 'm-2', name: 'Ana Other' }], more: false }
          : { members: [ANA], more: false },
      );
    expect(await found({ family: 'Núñez', birthDate: '1980-03-04' })).toEqual(NONE);
    expect(await found({ family: 'Núñez-Smith', birthDate: '1980-03-05' })).toEqual(NONE);
  });

  test('by the first name, too, which tells twins apart', async () => {
    await publish(patient('m-1', 'Ana'), patient('m-2', 'Eva'));
    const asked = { family: 'Núñez-Smith', birthDate: '1980-03-04' };
    expect(await found(asked)).toMatchObject({ members: [{ member: 'm-1' }, { member: 'm-2' }] });
    expect(await found({ ...asked, given: 'ANA' })).toEqual({ members: [ANA], more: false });
    expect(await found({ ...asked, given: 'Ida' })).toEqual(NONE);
  });

  test('by the number on the card', async () => {
    await publish(patient('m-1', 'Ana'), patient('m-2', 'Eva'));
    expect(await found({ identifier: 'h m-1' })).toEqual({ members: [ANA], more: false });
    expect(await found({ identifier: 'H-m-3' })).toEqual(NONE);
  });

  test('and gets at most ten, with a word that there are more', async () => {
    await publish(...Array.from({ length: 12 }, (_, i) => patient(`m-${i}`, `Ana${'abcdefghijkl'[i]}`)));
    const { members, more } = (await found({ family: 'Miller', birthDate: '1980-03-04' })) as {
      members: unknown[];
      more: boolean;
    };
    expect([members.length, more]).toEqual([10, true]);
  });

  test.each([
    {},
    { family: 'Miller' },
    { birthDate: '1980-03-04' },
    { family: 'Miller', birthDate: '1980' },
    { family: 'Miller', birthDate: '1980-02-31' },
    { family: '', birthDate: '1980-03-04' },
    { family: 'x'.repeat(201), birthDate: '1980-03-04' },
    { identifier: '' },
    { identifier: 'H-m-1', family: 'Miller', birthDate: '1980-03-04' },
    { family: 'Miller', birthDate: '1980-03-04', zip: '01103' },
    [],
    7,
  ])('but not by %j, and the refusal repeats nothing', async (json) => {
    const { status, text } = await find(json);
    expect(status).toBe(400);
    for (const value of ['Miller', '1980-0', 'H-m-1', '01103']) expect(text).not.toContain(value);
  });

  test('and the audit has each search with the members that it named, also one that named nobody', async () => {
    await publish(patient('m-1', 'Ana'));
    await found({ identifier: 'H-m-1' });
    await found({ identifier: 'H-m-9' });
    const looks = (await house.audited()).filter(({ operation }) => operation === 'POST /ops/members/find');
    expect(looks).toMatchObject([
      { client: 'administrator', action: 'explain', outcome: 'released', members: ['m-1'] },
      { client: 'administrator', action: 'explain', outcome: 'released', members: [] },
    ]);
    // What was asked is nowhere.
    expect(JSON.stringify(looks)).not.toContain('H-m');
  });

  test('60 times an hour, and not more often, whether anybody is found or not', async () => {
    await publish(patient('m-1', 'Ana'));
    for (let i = 0; i < 60; i++)
      expect((await find({ identifier: i % 2 === 0 ? 'H-m-1' : 'H-m-9' })).status, String(i)).toBe(200);
    for (const identifier of ['H-m-1', 'H-m-9']) {
      const { status, headers } = await find({ identifier });
      expect([status, Number(headers['retry-after']) > 0]).toEqual([429, true]);
    }
  });
});
