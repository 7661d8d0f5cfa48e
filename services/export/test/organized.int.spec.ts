import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobViews } from '@provider-access/jobs';
import { PART_LIMITS } from '@provider-access/jobs/files';
import { ask, asked, patient, text, warningsOf } from './asked.ts';
import { Gate, interfered, type Interference } from './faults.ts';
import { type ManifestBody, Platform } from './harness.ts';

const HIV = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|HIV';
const MEMBERS = ['m1', 'm2', 'm3'];
const ORGANIZED = '?organizeOutputBy=Patient';
const REFERENCES: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(MEMBERS.map((member) => [`Patient/${member}`, ['Organization/all']])),
  'Organization/all': ['Organization/parent'],
};
interface Item {
  readonly type?: string;
  readonly url: string;
  readonly count: number;
  readonly continuesInFile?: string;
}
const itemsOf = (manifest: ManifestBody): readonly Item[] => manifest.output;

/** What a line is, written from the guide: a header by its reference, else `Type/id`. */
function nameOf(line: string): string {
  const { resourceType, id, parameter } = JSON.parse(line) as {
    resourceType: string;
    id?: string;
    parameter?: readonly { name: string; valueReference: { reference: string } }[];
  };
  if (resourceType !== 'Parameters') return `${resourceType}/${id}`;
  expect(parameter).toHaveLength(1);
  expect(parameter![0]!.name).toBe('header');
  return `>${parameter![0]!.valueReference.reference}`;
}
const namesIn = (body: string): string[] =>
  body
    .split('\n')
    .filter((line) => line !== '')
    .map(nameOf);

/** Header and Patient first, as they came; the rest of each block in the order of names. */
function inOrder(names: readonly string[]): string[] {
  const blocks: string[][] = [];
  for (const name of names)
    if (name.startsWith('>')) blocks.push([name]);
    else blocks.at(-1)!.push(name);
  return blocks.flatMap(([header, first, ...rest]) =>
    first?.startsWith('Patient/') === true
      ? [header!, first, ...rest.toSorted()]
      : [header!, ...[first!, ...rest].toSorted()],
  );
}

describe('an export with organizeOutputBy=Patient', () => {
  let platform: Platform;
  let interference: Interference = () => undefined;
  const open = async (config: Parameters<typeof Platform.start>[0] = {}): Promise<void> => {
    interference = () => undefined;
    platform = await Platform.start(config, (blobs) => interfered(blobs, (action, name) => interference(action, name)));
    await platform.client('c1');
    await platform.group();
    await platform.members(MEMBERS);
    await platform.resources([
      ...MEMBERS.flatMap((member) => [
        { member, type: 'Patient', id: member, references: REFERENCES[`Patient/${member}`]! },
        { member, type: 'Coverage', id: `${member}-c` },
        // The directory has this Medication too. The block has the member's own one, once.
        {
          member,
          type: 'Observation',
          id: `${member}-o`,
          references: [`Practitioner/of-${member}`, 'Medication/common'],
        },
        { member, type: 'Medication', id: 'common' },
      ]),
      ...MEMBERS.map((member) => ({ member: 'shared', type: 'Practitioner', id: `of-${member}` })),
      { member: 'shared', type: 'Organization', id: 'all', references: REFERENCES['Organization/all']! },
      { member: 'shared', type: 'Organization', id: 'parent' },
      { member: 'shared', type: 'Medication', id: 'common' },
      { member: 'shared', type: 'Organization', id: 'of-nobody' },
    ]);
  };
  const block = (member: string): string[] => [
    `>Patient/${member}`,
    `Patient/${member}`,
    ...[`Coverage/${member}-c`, 'Medication/common', `Observation/${member}-o`],
    ...['Organization/all', 'Organization/parent', `Practitioner/of-${member}`],
  ];
  const blocks = (...members: string[]): string[] => members.flatMap(block);
  const namesOf = async (manifest: ManifestBody): Promise<string[]> => {
    const names: string[] = [];
    for (const { url, count } of itemsOf(manifest)) {
      const response = await platform.fetch(url);
      expect(response.status).toBe(200);
      const found = namesIn(await response.text());
      expect(found).toHaveLength(count);
      names.push(...found);
    }
    return inOrder(names);
  };
  const sealed = async (query = ORGANIZED): Promise<string> => {
    const job = await platform.kickOff(query);
    await platform.manifest(job);
    return job;
  };
  // Later than what came before, so that the order is clear.
  const optOut = async (member: string): Promise<void> => {
    platform.clock.offset += 1000;
    await platform.optOut(member);
  };
  const optIn = async (member: string): Promise<void> => {
    platform.clock.offset += 1000;
    await platform.optIn(member);
  };
  let version = 1;
  /** Another version, with the references of the first one. */
  const publish = (member: string, type: string, id: string, labels: readonly string[] = []): Promise<void> => {
    platform.clock.offset += 1000;
    version += 1;
    const at = new Date(platform.clock.now()).toISOString();
    const references = REFERENCES[`${type}/${id}`] ?? (type === 'Observation' ? [`Practitioner/of-${member}`] : []);
    return platform.resources([{ member, type, id, at, version, labels, references }]);
  };
  // Each test undoes what it changes.
  beforeAll(() => open());
  afterAll(() => platform.dispose());

  it('E60 to E62: has a block for each patient, with a header, the Patient first, and what it refers to', async () => {
    for (const operation of ['$export', '$davinci-data-export'] as const) {
      const manifest = await asked(platform, { operation, parameter: [text('organizeOutputBy', 'Patient')] });
      expect(manifest.outputOrganizedBy).toBe('Patient');
      expect(manifest.output.map((item) => Object.keys(item))).toEqual([['url', 'count']]);
      expect(await namesOf(manifest)).toEqual(blocks('m1', 'm2', 'm3'));
    }
    const ordinary = await platform.manifest(await sealed(''));
    expect(ordinary).not.toHaveProperty('outputOrganizedBy');
    expect(ordinary.output.every(({ type }) => type !== undefined)).toBe(true);
  });

  it('E43: gives the patients, types and changes that are asked for; no block without a line', async () => {
    const of = async (...parameter: object[]): Promise<string[]> =>
      namesOf(await asked(platform, { parameter: [text('organizeOutputBy', 'Patient'), ...parameter] }));
    expect(await of(patient('Patient/m2'))).toEqual(block('m2'));
    expect(await of(text('_type', 'Patient,Coverage'), patient('Patient/m3'))).toEqual([
      ...['>Patient/m3', 'Patient/m3', 'Coverage/m3-c'],
    ]);
    expect(await of(text('_typeFilter', 'Observation?_id=m1-o'), text('_type', 'Observation'))).toEqual([
      ...['>Patient/m1', 'Observation/m1-o'],
    ]);
    const since = { name: '_since', valueInstant: new Date(platform.clock.now()).toISOString() };
    await platform.advance(10_000);
    await publish('m2', 'Coverage', 'm2-c');
    await publish('shared', 'Practitioner', 'of-m3');
    await platform.deleted('m1', 'Coverage', 'm1-c');
    const delta = await asked(platform, { parameter: [text('organizeOutputBy', 'Patient'), since] });
    expect(await namesOf(delta)).toEqual(['>Patient/m2', 'Coverage/m2-c', '>Patient/m3', 'Practitioner/of-m3']);
    expect(delta.deleted).toEqual([expect.objectContaining({ type: 'Bundle', count: 1 })]);
    await publish('m1', 'Coverage', 'm1-c');
  });

  it('E43: refuses another type; with lenient the files are ordinary ones, and a warning says so', async () => {
    for (const type of ['Group', 'patient', 'Patient,Patient']) {
      const parameter = [text('organizeOutputBy', type)];
      const answer = await ask(platform, { parameter });
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('organizeOutputBy')]);
      const manifest = await asked(platform, { parameter, lenient: true });
      expect(manifest).not.toHaveProperty('outputOrganizedBy');
      expect(manifest.output.map((item) => item.type)).toContain('Patient');
      expect(await warningsOf(platform, manifest)).toEqual([expect.stringContaining('organizeOutputBy')]);
    }
    const twice = { parameter: [text('organizeOutputBy', 'Patient'), text('organizeOutputBy', 'Patient')] };
    for (const lenient of [false, true]) expect((await ask(platform, { ...twice, lenient })).status).toBe(400);
  });

  describe('E63: a member who opts out', () => {
    const gateAt = (where: (name: string) => boolean): Gate => {
      const gate = new Gate();
      let once = false;
      interference = async (action, name) => {
        if (action !== 'put' || once || !where(name)) return;
        once = true;
        await gate.pass();
      };
      return gate;
    };
    it.each([
      ['between kick-off and chunk', (name: string) => name.includes('/plan/')],
      ['between chunk and seal', (name: string) => name.endsWith('chunk.json')],
    ])('%s leaves with the header', async (_, where) => {
      const gate = gateAt(where);
      const job = await platform.kickOff(ORGANIZED);
      await gate.reached;
      await optOut('m2');
      gate.letThrough();
      const manifest = await platform.manifest(job);
      expect(await namesOf(manifest)).toEqual(blocks('m1', 'm3'));
      await optIn('m2');
      // Dropped for good, or never written.
      expect(await namesOf(await platform.manifest(job))).toEqual(blocks('m1', 'm3'));
    });
    it('after the seal leaves with the header, and the file has another ETag and no checksum', async () => {
      const job = await sealed();
      const before = await platform.manifest(job);
      const { url } = before.output[0]!;
      const tag = (await platform.fetch(url)).headers.get('etag')!;
      await optOut('m2');
      const manifest = (await platform.manifest(job)) as ManifestBody & {
        extension: { checksums: { files: unknown[] } };
      };
      expect(await namesOf(manifest)).toEqual(blocks('m1', 'm3'));
      expect(manifest.extension.checksums.files).toEqual([]);
      const again = await platform.fetch(url, { headers: { range: 'bytes=5-', 'if-range': tag } });
      expect([again.status, again.headers.get('etag') === tag]).toEqual([200, false]);
      expect(await again.text()).not.toContain('Patient/m2');
      for (const member of ['m1', 'm3']) await optOut(member);
      expect((await platform.manifest(job)).output).toEqual([]);
      const gone = await platform.fetch(url);
      const never = await platform.fetch(`${job}/blocks-9-9.ndjson`);
      expect([gone.status, await gone.text()]).toEqual([404, await never.text()]);
      for (const member of MEMBERS) await optIn(member);
    });
  });

  describe('E63: a label that comes after the file was written', () => {
    it('cuts the line inside its block, and in each block that has it', async () => {
      const job = await sealed();
      await publish('m2', 'Observation', 'm2-o', [HIV]);
      const without = (...names: string[]) => blocks('m1', 'm2', 'm3').filter((name) => !names.includes(name));
      expect(await namesOf(await platform.manifest(job))).toEqual(without('Observation/m2-o'));
      await publish('shared', 'Organization', 'parent', [HIV]);
      expect(await namesOf(await platform.manifest(job))).toEqual(without('Observation/m2-o', 'Organization/parent'));
      await publish('m2', 'Observation', 'm2-o');
      expect(await namesOf(await platform.manifest(job))).toEqual(without('Organization/parent'));
      await publish('shared', 'Organization', 'parent');
    });
    it('takes the whole block if it withholds the Patient, also from an export without the type', async () => {
      const job = await sealed();
      const coverages = await sealed(`${ORGANIZED}&_type=Coverage`);
      await publish('m2', 'Patient', 'm2', [HIV]);
      expect(await namesOf(await platform.manifest(job))).toEqual(blocks('m1', 'm3'));
      expect(await namesOf(await platform.manifest(coverages))).toEqual(
        ['m1', 'm3'].flatMap((m) => [`>Patient/${m}`, `Coverage/${m}-c`]),
      );
      // The same of a label that was there before.
      expect(await namesOf(await platform.manifest(await sealed()))).not.toContain('>Patient/m2');
      await publish('m2', 'Patient', 'm2');
    });
    it('takes the header if it withholds every line', async () => {
      const job = await sealed(`${ORGANIZED}&_type=Coverage`);
      await publish('m1', 'Coverage', 'm1-c', [HIV]);
      expect(await namesOf(await platform.manifest(job))).toEqual(
        ['m2', 'm3'].flatMap((m) => [`>Patient/${m}`, `Coverage/${m}-c`]),
      );
      await publish('m1', 'Coverage', 'm1-c');
    });
  });

  it('E63: needs a token for every type of the job, and else the manifest does not list the file', async () => {
    const job = await sealed(`${ORGANIZED}&_type=Patient,Coverage`);
    const { url } = (await platform.manifest(job)).output[0]!;
    for (const scope of ['system/Group.rs system/Patient.rs', 'system/Group.rs system/Coverage.rs']) {
      const token = await platform.token('c1', scope);
      const answer = await platform.fetch(url, { token });
      expect([answer.status, await answer.text()]).toEqual([403, expect.stringMatching(/Patient|Coverage/)]);
      const manifest = (await (await platform.fetch(job, { token })).json()) as ManifestBody;
      expect(manifest.output).toEqual([]);
    }
    const both = await platform.token('c1', 'system/Group.rs system/Patient.rs system/Coverage.rs');
    expect((await platform.fetch(url, { token: both })).status).toBe(200);
  });

  it('E63: serves ranges, gzip and a true SHA-256, and audits resources without headers', async () => {
    const job = await sealed();
    const manifest = (await platform.manifest(job)) as ManifestBody & {
      extension: { checksums: { files: { url: string; size: number; sha256: string }[] } };
    };
    const [{ url }] = manifest.output as [Item];
    const answer = await platform.fetch(url);
    const body = await answer.text();
    const etag = answer.headers.get('etag')!;
    for (const [start, end] of [
      [0, 0],
      [30, 90],
      [body.length - 5, body.length - 1],
    ] as const) {
      const part = await platform.fetch(url, { headers: { 'if-range': etag, range: `bytes=${start}-${end}` } });
      expect([part.status, await part.text()]).toEqual([206, body.slice(start, end + 1)]);
    }
    const token = await platform.token();
    const raw = await new Promise<Buffer>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip' };
      request(platform.url + url.replace('http://test', ''), { headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)));
      })
        .on('error', reject)
        .end();
    });
    expect(gunzipSync(raw).toString()).toBe(body);
    const sha256 = createHash('sha256').update(raw).digest('hex');
    expect(manifest.extension.checksums.files).toEqual([{ url, size: raw.length, sha256 }]);
    const id = job.split('/').at(-1);
    const audited = (await platform.events('pa.audit'))
      .map(({ data }) => data)
      .find((entry) => entry['file'] !== undefined && entry['job'] === id)!;
    expect(audited).toMatchObject({ members: MEMBERS, resources: 21 });
    expect(audited['types']).toEqual([
      ...['Coverage', 'Medication', 'Observation', 'Organization', 'Patient', 'Practitioner'],
    ]);
  });

  it('E63: a recall takes the line out of its block, and the whole block if the Patient was wrong', async () => {
    const job = await sealed(`${ORGANIZED}&_type=Patient,Coverage`);
    const block = (member: string) => [`>Patient/${member}`, `Patient/${member}`, `Coverage/${member}-c`];
    const recall = (member: string, type: string, id: string): Promise<unknown> => {
      platform.clock.offset += 1000;
      return platform.recall(member, type, id, (version += 1));
    };
    expect(await namesOf(await platform.manifest(job))).toEqual(MEMBERS.flatMap(block));
    await recall('m1', 'Coverage', 'm1-c');
    const left = ['>Patient/m1', 'Patient/m1', ...block('m2')];
    expect(await namesOf(await platform.manifest(job))).toEqual([...left, ...block('m3')]);
    await recall('m3', 'Patient', 'm3');
    expect(await namesOf(await platform.manifest(job))).toEqual(left);
  });

  it('is never run by an earlier build, neither by 0.2.0 nor by one that knows only restrictions', async () => {
    const job = (await platform.streams().load((await sealed()).split('/').at(-1)!))!;
    const impatient = await platform.another({ waitMs: 100 });
    const views = impatient.app.get(JobViews, { strict: false });
    // What such a build asks before each step, with the topics that it knows.
    expect(await views.passed(job.positions)).toBe(false);
    const { 'pa.export-asks': _known, ...others } = job.positions;
    expect(await views.passed(others)).toBe(false);
    await expect(views.assertPassed(job)).resolves.toBeUndefined();
  });

  it('E61: starts a block that does not fit in the next file, and splits one that is larger than a file', async () => {
    await platform.dispose();
    await open({ partLimits: { ...PART_LIMITS, resources: 8, segment: 1 } });
    const whole = await platform.manifest(await sealed());
    expect(itemsOf(whole).map(({ count }) => count)).toEqual([8, 8, 8]);
    expect(itemsOf(whole).some((item) => item.continuesInFile !== undefined)).toBe(false);
    await platform.resources(
      Array.from({ length: 10 }, (_, n) => ({ member: 'm2', type: 'Encounter', id: `m2-e${n}` })),
    );
    const job = await sealed();
    const items = itemsOf(await platform.manifest(job));
    const files = await Promise.all(items.map(async ({ url }) => namesIn(await (await platform.fetch(url)).text())));
    const first = items.findIndex((item) => item.continuesInFile !== undefined);
    const ofBlock = [files[first]!];
    for (let at = first; items[at]!.continuesInFile !== undefined;) {
      at = items.findIndex(({ url }) => url === items[at]!.continuesInFile);
      const next = files[at]!.findIndex((name, line) => line > 0 && name.startsWith('>'));
      ofBlock.push(files[at]!.slice(0, next < 0 ? undefined : next));
    }
    expect(ofBlock.length).toBeGreaterThan(2);
    expect(ofBlock.map(([header]) => header)).toEqual(ofBlock.map(() => '>Patient/m2'));
    expect(ofBlock.flatMap(([, ...lines]) => lines)).toEqual([
      ...block('m2').slice(1, 3),
      ...Array.from({ length: 10 }, (_, n) => `Encounter/m2-e${n}`),
      ...block('m2').slice(3),
    ]);
    // E63: the others do not tell that somebody's block was between them.
    await optOut('m2');
    const left = await platform.manifest(job);
    expect(await namesOf(left)).toEqual(blocks('m1', 'm3'));
    expect(itemsOf(left).some((item) => item.continuesInFile !== undefined)).toBe(false);
  });

  it('E61, E63: names no next file if what is left of the block ends before it', async () => {
    await platform.dispose();
    await open({ partLimits: { ...PART_LIMITS, resources: 3, segment: 1 } });
    const job = await sealed();
    const before = itemsOf(await platform.manifest(job));
    expect(before.filter((item) => item.continuesInFile !== undefined)).not.toEqual([]);
    for (const item of before)
      if (item.continuesInFile !== undefined) expect(before.map(({ url }) => url)).toContain(item.continuesInFile);
    await publish('shared', 'Practitioner', 'of-m1', [HIV]);
    await publish('shared', 'Organization', 'all', [HIV]);
    await publish('shared', 'Organization', 'parent', [HIV]);
    const after = itemsOf(await platform.manifest(job));
    expect(after.length).toBeLessThan(before.length);
    for (const item of after)
      if (item.continuesInFile !== undefined) expect(after.map(({ url }) => url)).toContain(item.continuesInFile);
  });
});
