import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GROUP, Platform } from './harness.ts';

describe('an export', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await Platform.start({ chunkMembers: 3 }, undefined, 'embedded');
    await platform.client('c1');
    await platform.client('c2', 'npi|1093817465');
    await platform.group();
    await platform.group('g-empty');
    await platform.group('g-other', 'npi|1093817465');
    const members = Array.from({ length: 8 }, (_, i) => `m${i}`);
    await platform.members(members);
    await platform.members(['stranger'], { group: 'g-other', provider: 'npi|1093817465' });
    await platform.resources([
      ...[...members, 'stranger', 'unattributed'].flatMap((member) => [
        { member, type: 'Patient', id: member, references: ['Organization/payer'] },
        ...Array.from({ length: 3 }, (_, i) => ({
          member,
          type: 'Observation',
          id: `${member}-o${i}`,
          references: [`Patient/${member}`, 'PractitionerRole/r1', 'Medication/shared-1'],
        })),
      ]),
      { member: 'shared', type: 'Organization', id: 'payer' },
      { member: 'shared', type: 'Organization', id: 'clinic', references: ['Organization/parent'] },
      { member: 'shared', type: 'Organization', id: 'parent' },
      { member: 'shared', type: 'Organization', id: 'nobody' },
      { member: 'shared', type: 'PractitionerRole', id: 'r1', references: ['Practitioner/p1', 'Organization/clinic'] },
      { member: 'shared', type: 'Practitioner', id: 'p1' },
      { member: 'shared', type: 'Medication', id: 'shared-1' },
      { member: 'shared', type: 'Medication', id: 'shared-2' },
      { member: 'shared', type: 'Practitioner', id: 'p2' },
    ]);
  });
  afterAll(() => platform.dispose());

  it('R2: brings everything of the Group in scope, what it refers to, and nothing else', async () => {
    const job = await platform.kickOff();
    const manifest = await platform.manifest(job);
    expect(manifest).toMatchObject({
      request: `http://test/fhir/Group/${GROUP}/$export`,
      requiresAccessToken: true,
      deleted: [],
      error: [],
    });
    const lines = await platform.lines(manifest);
    expect(Object.fromEntries(Object.entries(lines).map(([type, all]) => [type, all.length]))).toEqual({
      Patient: 8,
      Observation: 24,
      Organization: 3,
      PractitionerRole: 1,
      Practitioner: 1,
      Medication: 1,
    });
    expect(lines['Organization']!.map((o) => o.id).toSorted()).toEqual(['clinic', 'parent', 'payer']);
    expect(new Set(lines['Observation']!.map((o) => o.id)).size).toBe(24);
    for (const { url, count } of manifest.output) {
      const response = await platform.fetch(url, { headers: { 'accept-encoding': 'gzip' } });
      const text = await response.text();
      expect(text.split('\n').length - 1).toBe(count);
      expect(response.headers.get('content-type')).toMatch(/^application\/fhir\+ndjson/);
    }
  });

  it('is one file for a client that takes gzip, and the same lines for one that does not', async () => {
    const manifest = await platform.manifest(await platform.kickOff('?_type=Observation'));
    const [file] = manifest.output;
    const plain = await platform.fetch(file!.url);
    const head = await platform.fetch(file!.url, { method: 'HEAD', headers: { 'accept-encoding': 'gzip' } });
    const { request } = await import('node:http');
    const raw = await new Promise<Buffer>((resolve, reject) => {
      void platform.token().then((token) => {
        const r = request(
          platform.url + file!.url.replace('http://test', ''),
          { headers: { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip' } },
          (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (c: Buffer) => chunks.push(c));
            response.on('end', () => resolve(Buffer.concat(chunks)));
          },
        );
        r.on('error', reject);
        r.end();
      });
    });
    expect(head.status).toBe(200);
    expect(Number(head.headers.get('content-length'))).toBe(raw.length);
    expect(gunzipSync(raw).toString()).toBe(await plain.text());
  });
});
