import { request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_LABEL_POLICY, labelPolicy } from '@provider-access/domain/pdex/labels';
import type { Projection, Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { labelled } from '@provider-access/records';
import { Gate, interfered, type Interference } from './faults.ts';
import { Platform } from './harness.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const HIV = `${ACT_CODE}|HIV`;

/** N4 (docs/security-labels.md): a label that comes after the seal acts on downloads as an opt-out does. */
describe('a file whose resources get a label after it was written', () => {
  let platform: Platform;
  let interference: Interference = () => undefined;
  const open = async (labels = DEFAULT_LABEL_POLICY): Promise<void> => {
    interference = () => undefined;
    platform = await Platform.start({ labels }, (blobs) =>
      interfered(blobs, (action, name) => interference(action, name)),
    );
    await platform.client('c1');
    await platform.group();
    await platform.members(['m1', 'm2', 'm3']);
    await platform.resources([
      ...['m1', 'm2', 'm3'].map((member) => ({ member, type: 'Patient', id: member })),
      ...['a', 'b', 'c'].map((id) => ({ member: 'm1', type: 'Observation', id, references: ['Practitioner/p'] })),
      { member: 'm2', type: 'Observation', id: 'd', references: ['Practitioner/q'] },
      { member: 'm3', type: 'Observation', id: 'e' },
      { member: 'm1', type: 'Condition', id: 'k' },
      { member: 'm1', type: 'Provenance', id: 'of-b', targets: ['Observation/b'] },
      { member: 'm1', type: 'Provenance', id: 'of-of-b', targets: ['Provenance/of-b'] },
      { member: 'm1', type: 'Provenance', id: 'of-c-and-q', targets: ['Observation/c', 'Practitioner/q'] },
      { member: 'm2', type: 'Provenance', id: 'of-d', targets: ['Observation/d'] },
      ...['m1', 'm2'].map((member) => ({ member, type: 'Medication', id: 'common' })),
      ...['p', 'q'].map((id) => ({ member: 'shared', type: 'Practitioner', id })),
    ]);
  };
  beforeEach(() => open());
  afterEach(() => platform.dispose());

  let version = 1;
  const publish = (
    member: string,
    type: string,
    id: string,
    labels: readonly string[],
    more: object = {},
  ): Promise<void> => {
    platform.clock.offset += 1000;
    version += 1;
    const at = new Date(platform.clock.now()).toISOString();
    return platform.resources([{ member, type, id, at, version, labels, ...more }]);
  };
  const exported = async (job: string): Promise<string[]> => {
    const manifest = await platform.manifest(job);
    const lines = Object.values(await platform.lines(manifest)).flat();
    // What is left out is not counted.
    expect(manifest.output.reduce((n, file) => n + file.count, 0)).toBe(lines.length);
    return lines.map(({ id }) => id).toSorted();
  };
  /** The path of an export whose files are written. */
  const sealed = async (query = ''): Promise<string> => {
    const job = await platform.kickOff(query);
    await platform.manifest(job);
    return job;
  };
  const urlOf = async (job: string, type: string): Promise<string> =>
    (await platform.manifest(job)).output.find((file) => file.type === type)!.url;
  const ALL = [
    ...['a', 'b', 'c', 'common', 'd', 'e', 'k', 'm1', 'm2', 'm3'],
    ...['of-b', 'of-c-and-q', 'of-d', 'of-of-b', 'p', 'q'],
  ].toSorted();
  const without = (...ids: string[]): string[] => ALL.filter((id) => !ids.includes(id));

  it('leaves out the resource and its Provenances, and keeps the other resources of the member', async () => {
    const job = await sealed();
    expect(await exported(job)).toEqual(ALL);
    await publish('m1', 'Observation', 'b', [HIV]);
    expect(await exported(job)).toEqual(without('b', 'of-b', 'of-of-b'));
    // A label that the policy releases takes nothing away, and a version without a label gives the old one back.
    await publish('m1', 'Observation', 'a', [`${CONFIDENTIALITY}|N`]);
    await publish('m1', 'Observation', 'c', ['https://payer.example/labels|x']);
    expect(await exported(job)).toEqual(without('b', 'of-b', 'of-of-b'));
    await publish('m1', 'Observation', 'b', []);
    expect(await exported(job)).toEqual(ALL);
  });

  it('leaves out what a removal with a label hides, and not what is only removed', async () => {
    const job = await sealed();
    await platform.deleted('m1', 'Observation', 'a', { reason: 'entered-in-error', labels: [HIV] });
    await platform.deleted('m1', 'Observation', 'c');
    expect(await exported(job)).toEqual(without('a'));
  });

  it('leaves out labelled resources of the directory, their Provenances, and copies of a Medication', async () => {
    const job = await sealed();
    await publish('shared', 'Practitioner', 'q', [`${ACT_CODE}|SSP`]);
    expect(await exported(job)).toEqual(without('q', 'of-c-and-q'));
    await publish('m2', 'Medication', 'common', [HIV]);
    expect(await exported(job)).toEqual(without('q', 'of-c-and-q', 'common'));
  });

  it('serves a file that was cut by its new length, tag and bytes, and by ranges of them', async () => {
    const url = await urlOf(await sealed(), 'Observation');
    const get = (headers: Record<string, string> = {}, method = 'GET') => platform.fetch(url, { method, headers });
    const before = await get();
    const full = await before.text();
    await publish('m1', 'Observation', 'b', [HIV]);
    const after = await get({ 'if-range': before.headers.get('etag')!, range: 'bytes=10-' });
    expect(after.status).toBe(200);
    const text = await after.text();
    expect(text).toBe(
      full
        .split('\n')
        .filter((line) => !line.includes('"b"'))
        .join('\n'),
    );
    const tag = after.headers.get('etag')!;
    expect(tag).not.toBe(before.headers.get('etag'));
    const head = await get({}, 'HEAD');
    expect([head.headers.get('content-length'), head.headers.get('etag')]).toEqual([String(text.length), tag]);
    for (const [start, end] of [
      [0, 0],
      [3, 40],
      [text.length - 30, text.length - 1],
    ] as const) {
      const part = await get({ 'if-range': tag, range: `bytes=${start}-${end}` });
      expect([part.status, await part.text()]).toEqual([206, text.slice(start, end + 1)]);
    }
    const zipped = await platform.fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    expect(await zipped.text()).toBe(text);
    // The bytes as they are sent, in two ranges.
    const gzip = { 'accept-encoding': 'gzip', 'if-range': zipped.headers.get('etag')! };
    const raw: Buffer[] = [];
    for (const range of ['bytes=0-39', 'bytes=40-'])
      raw.push(
        await platform.token().then(
          (token) =>
            new Promise<Buffer>((resolve, reject) => {
              const chunks: Buffer[] = [];
              const headers = { ...gzip, range, authorization: `Bearer ${token}` };
              request(platform.url + url.replace('http://test', ''), { headers }, (answer) =>
                answer
                  .on('data', (chunk: Buffer) => chunks.push(chunk))
                  .on('end', () => resolve(Buffer.concat(chunks))),
              )
                .on('error', reject)
                .end();
            }),
        ),
      );
    expect(gunzipSync(Buffer.concat(raw)).toString()).toBe(text);
  });

  it('does not exist any more if nothing is left, as a file that never was', async () => {
    const job = await sealed();
    const url = await urlOf(job, 'Condition');
    await publish('m1', 'Condition', 'k', [HIV]);
    expect((await platform.manifest(job)).output.map(({ type }) => type)).not.toContain('Condition');
    const answers = [];
    for (const path of [url, `${job}/Condition-9-9.ndjson`]) {
      const { status, headers } = await platform.fetch(path);
      answers.push([status, await (await platform.fetch(path)).text(), { ...Object.fromEntries(headers), date: '' }]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]![0]).toBe(404);
  });

  it('ends a download that is on its way, and serves the file anew to one that has no byte yet', async () => {
    const url = await urlOf(await sealed(), 'Observation');
    const gate = new Gate();
    interference = async (action, name) => {
      if (action === 'range' && name.includes('Observation')) await gate.pass();
    };
    const waiting = platform.fetch(url);
    await gate.reached;
    await publish('m1', 'Observation', 'b', [HIV]);
    gate.letThrough();
    interference = () => undefined;
    const text = await (await waiting).text();
    expect(text).toContain('"a"');
    expect(text).not.toContain('"b"');
  });

  it('lists no delete of what got a label', async () => {
    const since = new Date(platform.clock.now()).toISOString();
    platform.clock.offset += 10_000;
    await platform.deleted('m1', 'Observation', 'a');
    await platform.deleted('m1', 'Observation', 'b');
    await platform.deleted('m2', 'Observation', 'd');
    const job = await sealed(`?_since=${since}`);
    const deletes = async (): Promise<string[]> =>
      JSON.stringify(await platform.lines(await platform.manifest(job), 'deleted')).match(/Observation\/\w/g) ?? [];
    expect(await deletes()).toEqual(['Observation/a', 'Observation/b', 'Observation/d']);
    await publish('m1', 'Observation', 'b', [HIV]);
    expect(await deletes()).toEqual(['Observation/a', 'Observation/d']);
    await publish('m2', 'Observation', 'd', [HIV]);
    expect(await deletes()).toEqual(['Observation/a']);
  });

  it('follows a resource to the id into which a merge moved it', async () => {
    const job = await sealed();
    platform.clock.offset += 1000;
    await platform.deleted('m1', 'Observation', 'b', { reason: 'merged' });
    await publish('m9', 'Observation', 'b', []);
    expect(await exported(job)).toEqual(ALL);
    await publish('m9', 'Observation', 'b', [HIV]);
    expect(await exported(job)).toEqual(without('b', 'of-b', 'of-of-b'));
  });

  it('asks for the consent of the member, and for ordinary labels where the policy names one', async () => {
    await platform.dispose();
    await open(labelPolicy({ [HIV]: 'withhold unless consented', [`${CONFIDENTIALITY}|M`]: 'withhold' }));
    const job = await sealed('?_type=Observation');
    await publish('m1', 'Observation', 'b', [HIV]);
    await publish('m2', 'Observation', 'd', [`${CONFIDENTIALITY}|M`]);
    expect(await exported(job)).toEqual(['a', 'c', 'e']);
    await platform.consent('m1', HIV, 1);
    expect(await exported(job)).toEqual(['a', 'b', 'c', 'e']);
  });

  it('is read for labels if an earlier release wrote it, which overlooked some', async () => {
    await platform.dispose();
    await open(labelPolicy({}));
    await publish('m1', 'Observation', 'c', [HIV]);
    const job = await sealed('?_type=Observation');
    const strict = await platform.another();
    for (const name of (await platform.fileNames()).filter((each) => /Observation.*index$/.test(each))) {
      const {
        labels: _labels,
        labelsBy,
        ...rest
      } = JSON.parse(Buffer.from((await platform.blobs.get(name))!).toString()) as {
        labels?: unknown;
        labelsBy?: string;
      };
      expect(labelsBy).toBeDefined();
      await platform.blobs.put(name, JSON.stringify(rest));
    }
    platform.url = strict.url;
    expect(await exported(job)).toEqual(['a', 'b', 'd', 'e']);
  });

  it('is not served before the view of labelled members is there', async () => {
    await platform.published();
    await platform.derived();
    const job = await sealed('?_type=Observation');
    const url = await urlOf(job, 'Observation');
    const unbuilt = openMemoryViews();
    const fresh = await platform.another({}, undefined, undefined, (views) =>
      watched(views, 'reader', (projection: Projection) =>
        (projection === labelled ? unbuilt : views).reader(projection),
      ),
    );
    platform.url = fresh.url;
    for (const path of [url, job]) {
      const answer = await platform.fetch(path);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
    }
    await unbuilt.close();
  });

  it('costs one query for 100 members if nobody got a label, and no look into the file', async () => {
    const members = Array.from({ length: 250 }, (_, i) => `n${i}`);
    await platform.members(members);
    await platform.resources(members.map((member) => ({ member, type: 'Observation', id: `of-${member}` })));
    // A label of another type does not count.
    await publish('n7', 'Condition', 'other', [HIV]);
    const url = await urlOf(await sealed('?_type=Observation'), 'Observation');
    const asked: string[] = [];
    const process = await platform.another(
      {},
      (blobs) =>
        interfered(blobs, (action, name) => {
          if (action === 'range') asked.push(`a range of ${name}`);
        }),
      undefined,
      (views) => counted(views, asked),
    );
    platform.url = process.url;
    asked.length = 0;
    expect((await platform.fetch(url, { method: 'HEAD' })).status).toBe(200);
    // A file has at most 250 members.
    expect(asked.filter((what) => /labelled|records|range/.test(what))).toEqual([
      'labelled getMany 100',
      'labelled getMany 100',
      'labelled getMany 50',
    ]);
    asked.length = 0;
    await publish('n7', 'Observation', 'of-n7', [HIV]);
    expect((await platform.fetch(url, { method: 'HEAD' })).status).toBe(200);
    expect(asked.filter((what) => /records|range/.test(what))).toEqual([
      expect.stringMatching(/^a range of .*Observation/),
      'records getMany 1',
    ]);
  });
});

/** Views whose readers note each query that names ids. */
const counted = (views: Views, asked: string[]): Views =>
  watched(views, 'reader', (projection: Projection) =>
    watched(views.reader(projection), 'getMany', (ids: readonly string[], options: object) => {
      asked.push(`${projection.name} getMany ${ids.length}`);
      return views.reader(projection).getMany(ids, options);
    }),
  );
/** The object with another method. */
const watched = <T extends object>(of: T, name: keyof T, method: unknown): T =>
  new Proxy(of, {
    get(target, asked) {
      if (asked === name) return method;
      const value = Reflect.get(target, asked) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
