import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProjectionSet } from '@provider-access/engines/views';
import { directory, records } from '@provider-access/records';
import type { BundleJson } from '../test/groups.ts';
import { Harness, inNetwork, NPI, panel } from '../test/harness.ts';

let h: Harness;
let views: ProjectionSet;
let headers: Record<string, string>;
beforeAll(async () => {
  h = new Harness();
  views = new ProjectionSet({ log: h.log, views: h.views, projections: [directory, records] });
  await views.start();
  await h.start();
  await h.publish(inNetwork(), ...panel('m1'));
  headers = await h.app1('c1', [`npi|${NPI}`], 'system/*.rs');
});
afterAll(async () => {
  await views.stop();
  await h.stop();
});

const post = async (payload: string): Promise<BundleJson & { readonly total: number }> => {
  const url = '/fhir/Group/_search';
  const form = { ...headers, 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await h.app.inject({ method: 'POST', url, headers: form, payload });
  expect([answer.statusCode, answer.payload]).toEqual([200, answer.payload]);
  return answer.json();
};

// N1
it.each([
  ['identifier:not=a', 1],
  ['characteristic-value-reference=Organization/a', 0],
  ['_lastUpdated=ne1', 1],
])('a search for Groups takes 990 times %s', async (condition, total) => {
  const many = Array.from({ length: 990 }, (_, i) => `${condition}${String(i).padStart(3, '0')}`).join('&');
  expect((await post(many)).total).toBe(total);
});

// J2
it('a search for Groups leaves out what says nothing, and reports it', async () => {
  const { total, entry } = await post('identifier=&_totalMethod=count&_elements=id,resourceType');
  expect(total).toBe(1);
  expect(JSON.stringify(entry?.at(-1))).toMatch(/OperationOutcome.*identifier.*_totalMethod.*_elements/);
});
