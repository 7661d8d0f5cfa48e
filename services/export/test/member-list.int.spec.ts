import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PA_ATTRIBUTION, PA_CONSENT } from '@provider-access/events';
import { directory, searchKeys } from '@provider-access/records';
import { LONG_AGO } from '@provider-access/process/testing';
import { ask, type Asking, asked, text, warningsOf } from './asked.ts';
import { Gate, interfered } from './faults.ts';
import { GROUP, type ManifestBody, NPI, Platform } from './harness.ts';

const ATR = 'http://hl7.org/fhir/us/davinci-atr/StructureDefinition/';
const LIST = 'hl7.fhir.us.davinci-atr';
const ALL_TYPES = 'Group,Patient,Coverage,RelatedPerson,Practitioner,PractitionerRole,Organization,Location';
const VERY_RESTRICTED = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|V';
/** PDex and ATR: the types of a kick-off, and what kind it is. */
const listed = (types = ALL_TYPES, exportType = LIST, more: readonly unknown[] = []): Asking => ({
  parameter: [text('_type', types), text('exportType', exportType), ...more],
});

interface Group {
  readonly quantity: number;
  readonly member?: readonly { readonly entity: { readonly reference: string }; readonly extension: readonly Ext[] }[];
  readonly [element: string]: unknown;
}
interface Ext {
  readonly url: string;
  readonly valueCode?: string;
}

let platform: Platform;
/** Attributes covered members with the Coverage of the entry. */
async function members(names: readonly string[], at = LONG_AGO): Promise<void> {
  await platform.members(names, { from: at });
  await platform.append(
    PA_ATTRIBUTION,
    names.map((member) => ({
      type: 'pa.member-attributed.v1',
      subject: member,
      at,
      data: {
        ...{ member, group: GROUP, providers: [NPI], from: at, coverageId: `cov-${member}` },
        businessTime: new Date(Date.parse(at) + 1).toISOString(),
      },
    })),
  );
}
async function resources(names: readonly string[]): Promise<void> {
  await platform.resources(
    names.flatMap((member) => [
      { member, type: 'Patient', id: member },
      {
        member,
        type: 'Coverage',
        id: `cov-${member}`,
        resource: {
          resourceType: 'Coverage',
          id: `cov-${member}`,
          subscriber: { reference: `RelatedPerson/rel-${member}` },
        },
      },
      { member, type: 'Coverage', id: `old-${member}` },
      { member, type: 'RelatedPerson', id: `rel-${member}` },
      { member, type: 'RelatedPerson', id: `aunt-${member}` },
      { member, type: 'Condition', id: `c-${member}` },
    ]),
  );
}
const start = async (...[config, wrap]: Parameters<typeof Platform.start>): Promise<void> => {
  platform = await Platform.start({ kickOffsPerHour: 10_000, chunkMembers: 2, ...config }, wrap, 'memory', [
    directory,
    searchKeys,
  ]);
  await platform.client('c1');
  await platform.group();
};
const groupUrl = ({ output }: ManifestBody): string => output.find(({ type }) => type === 'Group')!.url;
async function groupOf(manifest: ManifestBody): Promise<Group> {
  const answer = await platform.fetch(groupUrl(manifest));
  expect(answer.status).toBe(200);
  const line = await answer.text();
  expect(line.split('\n')).toHaveLength(2);
  return JSON.parse(line) as Group;
}
const inGroup = ({ member = [] }: Group): string[] => member.map(({ entity }) => entity.reference.split('/')[1]!);
const changes = ({ member = [] }: Group): Record<string, unknown> =>
  Object.fromEntries(
    member.map(({ entity, extension }) => [
      entity.reference.split('/')[1]!,
      extension.find(({ url }) => url.endsWith('ext-changeType'))?.valueCode,
    ]),
  );
const ids = async (manifest: ManifestBody): Promise<Record<string, string[]>> => {
  const { Group: _group, ...lines } = await platform.lines(manifest);
  return Object.fromEntries(Object.entries(lines).map(([type, some]) => [type, some.map(({ id }) => id).toSorted()]));
};

describe('the list export of ATR', () => {
  beforeAll(async () => {
    await start();
    await members(['m1', 'm2', 'm3', 'm4-opted-out', 'm5-held', 'm6-label']);
    await platform.held('m5-held');
    await platform.optOut('m4-opted-out');
    await resources(['m1', 'm2', 'm4-opted-out', 'm5-held']);
    await platform.resources([
      { member: 'm6-label', type: 'Patient', id: 'm6-label', labels: [VERY_RESTRICTED] },
      { member: 'm6-label', type: 'Coverage', id: 'cov-m6-label' },
      ...['doctor', 'stranger'].map((id) => ({
        member: 'shared',
        type: 'Practitioner',
        id,
        resource: {
          resourceType: 'Practitioner',
          id,
          name: [{ text: `The ${id}` }],
          identifier: [
            { system: 'http://hl7.org/fhir/sid/us-npi', value: id === 'doctor' ? NPI.slice(4) : '1003000126' },
          ],
        },
      })),
      ...['doctor', 'stranger'].map((id) => ({
        ...{ member: 'shared', type: 'PractitionerRole', id: `${id}-role` },
        references: [`Practitioner/${id}`, 'Organization/clinic', `Location/${id}-site`],
        resource: {
          resourceType: 'PractitionerRole',
          id: `${id}-role`,
          practitioner: { reference: `Practitioner/${id}` },
          organization: { reference: 'Organization/clinic' },
          location: [{ reference: `Location/${id}-site` }],
        },
      })),
      { member: 'shared', type: 'Organization', id: 'clinic' },
      ...['doctor-site', 'stranger-site'].map((id) => ({ member: 'shared', type: 'Location', id })),
    ]);
  });
  afterAll(() => platform.dispose());

  it('E45, E53: has the Group, and of each member Patient, Coverage, subscriber and provider, no more', async () => {
    const manifest = await asked(platform, listed());
    const group = await groupOf(manifest);
    expect(await ids(manifest)).toEqual({
      Patient: ['m1', 'm2'],
      Coverage: ['cov-m1', 'cov-m2'],
      RelatedPerson: ['rel-m1', 'rel-m2'],
      Practitioner: ['doctor'],
      PractitionerRole: ['doctor-role'],
      Organization: ['clinic'],
      Location: ['doctor-site'],
    });
    expect(inGroup(group)).toEqual(['m1', 'm2', 'm3']);
    expect(group).toMatchObject({ resourceType: 'Group', id: GROUP, quantity: 3, name: 'The doctor' });
    expect(group.member![0]).toEqual({
      extension: [
        { url: `${ATR}ext-changeType`, valueCode: 'new' },
        { url: `${ATR}ext-coverageReference`, valueReference: { reference: 'Coverage/cov-m1' } },
        {
          url: `${ATR}ext-attributedProvider`,
          valueReference: {
            reference: 'Practitioner/doctor',
            identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: NPI.slice(4) },
            display: 'The doctor',
          },
        },
      ],
      entity: { reference: 'Patient/m1' },
      period: { start: LONG_AGO },
      inactive: false,
    });
    expect(manifest.output.find(({ type }) => type === 'Group')!.count).toBe(1);
    expect(manifest.error).toEqual([]);
  });

  it.each([
    ['E51: without _type', [text('exportType', LIST)]],
    ['E51: without Coverage', [text('exportType', LIST), text('_type', 'Group,Patient')]],
    ['E51: without Group', [text('exportType', LIST), text('_type', 'Patient,Coverage')]],
  ])('is refused %s, lenient or not', async (_, parameter) => {
    for (const lenient of [false, true]) {
      const answer = await ask(platform, { parameter, lenient });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(/"required".*Group, Patient/)]);
    }
  });

  it('E52: is refused with a type that a list has not', async () => {
    const answer = await ask(platform, listed(`${ALL_TYPES},Condition`));
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('Condition is not valid')]);
  });

  it.each([
    ['_until', '2030-01-01T00:00:00Z'],
    ['_elements', 'id'],
    ['_typeFilter', 'Group?name=x'],
  ])('E1: refuses %s, which the line of the Group would not follow', async (name, value) => {
    const answer = await ask(platform, { ...listed(ALL_TYPES, LIST, [text(name, value)]), lenient: true });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(name)]);
  });

  it.each([
    ['provider-download', '$davinci-data-export'],
    ['provider-snapshot', '$davinci-data-export'],
    [undefined, '$export'],
  ] as const)('E45: _type=Group gives one line beside ordinary files with %s', async (exportType, operation) => {
    const kind = exportType === undefined ? [] : [text('exportType', exportType)];
    const only = await asked(platform, { operation, parameter: [text('_type', 'Group'), ...kind] });
    expect(only.output.map(({ type, count }) => [type, count])).toEqual([['Group', 1]]);
    expect(inGroup(await groupOf(only))).toEqual(['m1', 'm2', 'm3']);
    const both = await asked(platform, { operation, parameter: [text('_type', 'Group,Condition'), ...kind] });
    expect(await ids(both)).toEqual({ Condition: ['c-m1', 'c-m2'] });
    expect(inGroup(await groupOf(both))).toEqual(['m1', 'm2', 'm3']);
    const without = await asked(platform, { operation, parameter: kind });
    expect(without.output.map(({ type }) => type)).not.toContain('Group');
  });

  it('E45: has only the patients that are asked for', async () => {
    const parameter = [...listed().parameter!, { name: 'patient', valueReference: { reference: 'Patient/m2' } }];
    const nobody = { name: 'patient', valueReference: { reference: 'Patient/m4-opted-out' } };
    const manifest = await asked(platform, { parameter: [...parameter, nobody] });
    const group = await groupOf(manifest);
    expect([inGroup(group), group.quantity]).toEqual([['m2'], 1]);
    expect((await ids(manifest))['Patient']).toEqual(['m2']);
    expect(await warningsOf(platform, manifest)).toEqual([expect.stringContaining('Patient/m4-opted-out')]);
  });

  it('needs the scope of Group for the line', async () => {
    const manifest = await asked(platform, listed());
    const token = await platform.token('c1', 'system/Patient.rs system/Coverage.rs');
    expect((await platform.fetch(groupUrl(manifest), { token })).status).toBe(403);
    const path = new URL(groupUrl(manifest)).pathname.split('/').slice(0, -1).join('/');
    const seen = await platform.manifest(path, token);
    expect(seen.output.map(({ type }) => type).toSorted()).toEqual(['Coverage', 'Patient']);
  });
});

describe('the line of the Group', () => {
  afterEach(() => platform.dispose());
  const NAMES = ['m1', 'm2', 'm3', 'm4', 'm5'];
  const started = async (
    names = NAMES,
    ...[config, wrap]: Parameters<typeof Platform.start>
  ): Promise<ManifestBody> => {
    await start(config, wrap);
    await members(names);
    await resources(names);
    return asked(platform, listed());
  };

  it('E55: is rendered without members who opted out: the first, the last, some in between, all', async () => {
    const manifest = await started();
    const whole = await platform.fetch(groupUrl(manifest));
    const etags = new Set([whole.headers.get('etag')]);
    await whole.text();
    for (const gone of [['m1'], ['m5'], ['m2', 'm3'], ['m1', 'm2', 'm4', 'm5'], NAMES]) {
      for (const member of gone) await platform.optOut(member);
      const answer = await platform.fetch(groupUrl(manifest));
      const line = await answer.text();
      const group = JSON.parse(line) as Group;
      const left = NAMES.filter((name) => !gone.includes(name));
      expect([inGroup(group), group.quantity]).toEqual([left, left.length]);
      expect('member' in group).toBe(left.length > 0);
      for (const member of gone) expect(line).not.toContain(`/${member}"`);
      expect(answer.headers.get('content-length')).toBe(String(line.length));
      etags.add(answer.headers.get('etag'));
      for (const member of gone) await platform.optIn(member);
    }
    expect(etags.size).toBe(6);
    expect(inGroup(await groupOf(manifest))).toEqual(NAMES);
  });

  it('E55: leaves members out alike after an opt-out, a hold, a label, and the end of an attribution', async () => {
    const manifest = await started();
    const patient = (version: number, labels: readonly string[]) =>
      platform.resources([{ member: 'm3', type: 'Patient', id: 'm3', labels, version, at: now() }]);
    const hold = { member: 'm3', source: 'urn:payer', deadLetter: 'dl-m3' };
    const lines = new Set<string>();
    for (const [leave, comeBack] of [
      [() => platform.optOut('m3'), () => platform.optIn('m3')],
      [
        () => platform.held('m3'),
        () => platform.append(PA_CONSENT, [{ type: 'pa.access-released.v1', subject: 'm3', data: hold }]),
      ],
      [() => patient(2, [VERY_RESTRICTED]), () => patient(3, [])],
      [() => platform.unattribute('m3', { provider: NPI }), () => Promise.resolve()],
    ] as const) {
      expect(inGroup(await groupOf(manifest))).toEqual(NAMES);
      await leave();
      lines.add(await (await platform.fetch(groupUrl(manifest))).text());
      await comeBack();
    }
    expect(lines.size).toBe(1);
    expect(inGroup(JSON.parse([...lines][0]!) as Group)).toEqual(['m1', 'm2', 'm4', 'm5']);
  });
  const now = (): string => new Date(platform.clock.now() + 1000).toISOString();

  it('E55: has no member who opted out between kick-off, chunk and seal', async () => {
    const gate = new Gate();
    await start({}, (blobs) =>
      interfered(blobs, (action, name) => (action === 'put' && name.includes('/seal/') ? gate.pass() : undefined)),
    );
    await members(NAMES);
    await resources(NAMES);
    const running = asked(platform, listed());
    await gate.reached;
    await platform.optOut('m2');
    gate.letThrough();
    const group = await groupOf(await running);
    expect([inGroup(group), group.quantity]).toEqual([['m1', 'm3', 'm4', 'm5'], 4]);
  });

  it('E55: has the bytes, the range and the gzip of what is rendered', async () => {
    const manifest = await started();
    const url = groupUrl(manifest);
    const whole = await platform.fetch(url);
    const text = await whole.text();
    const raw = await rawGzip(url);
    expect(gunzipSync(raw).toString()).toBe(text);
    const plain = await platform.fetch(url, { headers: { range: 'bytes=100-' } });
    expect([plain.status, await plain.text()]).toEqual([206, text.slice(100)]);
    await platform.optOut('m1');
    const cut = await platform.fetch(url, { headers: { range: 'bytes=100-', 'if-range': whole.headers.get('etag')! } });
    expect(cut.status).toBe(200);
    const left = await cut.text();
    expect(left).not.toContain('/m1"');
    const part = await platform.fetch(url, {
      headers: { range: 'bytes=40-80', 'if-range': cut.headers.get('etag')! },
    });
    expect([part.status, await part.text()]).toEqual([206, left.slice(40, 81)]);
    const again = await platform.fetch(url, { headers: { range: 'bytes=100-' } });
    expect([again.status, await again.text()]).toEqual([200, left]);
    expect(gunzipSync(await rawGzip(url)).toString()).toBe(left);
  });
  const rawGzip = async (url: string): Promise<Buffer> => {
    const { default: http } = await import('node:http');
    const headers = { authorization: `Bearer ${await platform.token()}`, 'accept-encoding': 'gzip' };
    return new Promise((resolve, reject) => {
      http
        .get(url.replace('http://test', platform.url), { headers }, (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve(Buffer.concat(chunks)));
        })
        .on('error', reject);
    });
  };

  it('E55: ends when a member who comes later in the line opts out while it is sent', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `m${String(i).padStart(4, '0')}`);
    await start({ chunkMembers: 500 });
    await members(names);
    const manifest = await asked(platform, listed());
    const answer = await platform.fetch(groupUrl(manifest));
    const reader = answer.body!.getReader();
    const first = await reader.read();
    await platform.optOut('m1999');
    let bytes = first.value!.byteLength;
    let text = Buffer.from(first.value!).toString();
    const broke = await (async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return false;
        bytes += value.byteLength;
        text += Buffer.from(value).toString();
      }
    })().catch(() => true);
    expect(broke).toBe(true);
    expect(bytes).toBeLessThan(Number(answer.headers.get('content-length')));
    expect(text).not.toContain('/m1999"');
    expect((await groupOf(manifest)).quantity).toBe(1999);
  });

  it('E54: with _since has the whole line, and more of the members whose entry changed', async () => {
    await started(['m1', 'm2']);
    const since = new Date(platform.clock.now()).toISOString();
    await platform.advance(60_000);
    await members(['m3'], new Date(platform.clock.now()).toISOString());
    await resources(['m3']);
    await platform.optOut('m2');
    await platform.advance(60_000);
    await platform.optIn('m2');
    const manifest = await asked(platform, listed(ALL_TYPES, LIST, [{ name: '_since', valueInstant: since }]));
    expect(changes(await groupOf(manifest))).toEqual({ m1: 'nochange', m2: 'new', m3: 'new' });
    expect(await ids(manifest)).toEqual({
      Patient: ['m2', 'm3'],
      Coverage: ['cov-m2', 'cov-m3'],
      RelatedPerson: ['rel-m2', 'rel-m3'],
    });
    expect(manifest.deleted).toEqual([]);
  });
});
