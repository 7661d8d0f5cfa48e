import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Blobs } from '@provider-access/engines/blob';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { countedViews, watched } from '../../../test/counted-views.ts';
import { House } from '../../../test/harness.ts';

const RESTRICTED = { system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' };
const UNKNOWN = '0'.repeat(64);
const document = (member: string, id: string, extra: object): object => ({
  resourceType: 'DocumentReference',
  id,
  status: 'current',
  subject: { reference: `Patient/${member}` },
  content: [{ attachment: { contentType: 'text/plain', data: randomBytes(5000).toString('base64') } }],
  ...extra,
});

/** Calls of the views and of the file store. */
const calls: string[] = [];
let house: House;
const ids = new Map<string, string>();
beforeAll(async () => {
  const blobs = (inner: Blobs): Blobs =>
    watched(inner, (method) => {
      calls.push(`files ${method}`);
      return undefined;
    });
  house = await House.open({ views: countedViews(openMemoryViews(), calls), attachmentsAbove: 1000, blobs });
  await house.approve('app1');
  for (const member of ['seen', 'out', 'labelled']) await house.attribute(member);
  const resources = ['seen', 'out', 'labelled', 'foreign'].map((member) => ({
    subject: member,
    resource: document(member, `${member}-note`, member === 'labelled' ? { meta: { security: [RESTRICTED] } } : {}),
  }));
  await house.publish(resources);
  await house.optOut('out');
  await house.settled();
  for (const { subject } of resources) {
    const record = await house.records.byTypeId(subject, 'DocumentReference', `${subject}-note`);
    const { content } = JSON.parse(Buffer.from(record!.line).toString());
    ids.set(subject, content[0].attachment.url.split('/').at(-1));
  }
});
afterAll(() => house.close());

async function asked(method: 'GET' | 'HEAD', id: string, headers: Record<string, string>, token: string) {
  calls.splice(0);
  const answer = await house.call(method, `/fhir/Binary/${id}`, { token, headers });
  // The process itself asks the other views, also in between.
  const needed = calls.splice(0).filter((call) => /^(members getMany|records|files (get|range))/.test(call));
  return { status: answer.status, text: answer.text, headers: { ...answer.headers, date: '' }, needed };
}

it.each<[what: string, method: 'GET' | 'HEAD', headersFor: (id: string) => Record<string, string>, status: number]>([
  ['whole', 'GET', () => ({}), 200],
  ['HEAD', 'HEAD', () => ({}), 200],
  ['range', 'GET', () => ({ range: 'bytes=0-9' }), 206],
  ['range behind the end', 'GET', () => ({ range: 'bytes=9999-' }), 416],
  ['copy that is current', 'GET', (id) => ({ 'if-none-match': `"${id}"` }), 304],
  ['Binary resource', 'GET', () => ({ accept: 'application/fhir+json' }), 200],
])('asked for a %s, tells nothing of what the client may not see', async (_what, method, headersFor, status) => {
  const token = await house.token('app1');
  const seen = ids.get('seen')!;
  expect((await asked(method, seen, headersFor(seen), token)).status).toBe(status);
  const unknown = await asked(method, UNKNOWN, headersFor(UNKNOWN), token);
  expect(unknown.status).toBe(404);
  expect(unknown.needed).toEqual(['files get', 'records having 1', 'members getMany 1', 'records getMany 1']);
  for (const member of ['out', 'labelled', 'foreign'])
    expect(await asked(method, ids.get(member)!, headersFor(ids.get(member)!), token), member).toEqual(unknown);
  const other = await house.token('app1', 'system/Condition.rs');
  expect(await asked(method, seen, headersFor(seen), other), 'beyond the scope').toEqual(unknown);
});
