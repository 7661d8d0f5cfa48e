import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asked, ask, text } from './asked.ts';
import { GROUP, type ManifestBody, Platform } from './harness.ts';

const MEMBERS = ['m1', 'm2'];
const started = async (config: Parameters<typeof Platform.start>[0] = {}): Promise<Platform> => {
  const platform = await Platform.start(config);
  await platform.client('c1');
  await platform.group();
  await platform.members(MEMBERS);
  await platform.resources(MEMBERS.map((member) => ({ member, type: 'Patient', id: member })));
  return platform;
};

describe('Prefer: separate-export-status (E48)', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await started({ attempts: 1, pollsPerMinute: 40 });
  });
  afterAll(() => platform.dispose());
  const kickOff = (prefer?: string): Promise<Response> =>
    platform.fetch(`/fhir/Group/${GROUP}/$export`, { headers: prefer === undefined ? {} : { prefer } });
  const shown = (answer: Response) => [answer.status, answer.headers.get('x-export-status')];

  it('names both values, and answers 200 with the status of the export while it runs and at its end', async () => {
    // A disk that takes its time.
    const put = platform.blobs.put.bind(platform.blobs);
    let open: () => void = () => undefined;
    const waits = new Promise<void>((resolve) => (open = resolve));
    platform.blobs.put = async (name, content) => {
      if (name.includes('/plan/')) await waits;
      return put(name, content);
    };
    const accepted = await kickOff('respond-async,separate-export-status');
    const plain = await kickOff('respond-async');
    const applied = (answer: Response) => answer.headers.get('preference-applied')!.split(/,\s*/);
    expect([applied(accepted), applied(plain)]).toEqual([
      ['respond-async', 'separate-export-status'],
      ['respond-async'],
    ]);
    const [job, ordinary] = [accepted, plain].map((answer) => answer.headers.get('content-location')!);
    const running = await platform.fetch(job!);
    expect(shown(running)).toEqual([200, '202 Accepted']);
    expect([running.headers.get('x-progress'), running.headers.get('retry-after')]).toEqual(['planning', '1']);
    expect(await running.text()).toBe('');
    expect(shown(await platform.fetch(ordinary!))).toEqual([202, null]);
    open();
    platform.blobs.put = put;
    await expect.poll(async () => shown(await platform.fetch(job!)), { interval: 200 }).toEqual([200, '200 OK']);
    expect(((await (await platform.fetch(job!)).json()) as ManifestBody).output).toHaveLength(1);
    expect(shown(await platform.finish(ordinary!.replace('http://test', '')))).toEqual([200, null]);
  });

  it('answers 200 with 500 for an export that failed, with what the ordinary answer says', async () => {
    const put = platform.blobs.put.bind(platform.blobs);
    platform.blobs.put = () => Promise.reject(new Error('no disk'));
    const answers = [];
    for (const prefer of ['respond-async,separate-export-status', 'respond-async']) {
      const job = (await kickOff(prefer)).headers.get('content-location')!;
      const failed = (await platform.streams().load(job.split('/').at(-1)!))!;
      await expect
        .poll(async () => (await platform.streams().load(failed.job))?.status, { interval: 100 })
        .toBe('failed');
      await expect.poll(async () => (await platform.fetch(job)).headers.get('x-progress')).toBe(null);
      answers.push(await platform.fetch(job));
    }
    platform.blobs.put = put;
    expect(answers.map(shown)).toEqual([
      [200, '500 Internal Server Error'],
      [500, null],
    ]);
    const [separate, ordinary] = await Promise.all(answers.map((answer) => answer.json()));
    expect(separate).toEqual(ordinary);
    expect(answers.map((answer) => answer.headers.get('content-type'))).toEqual([
      expect.stringContaining('application/fhir+json'),
      expect.stringContaining('application/fhir+json'),
    ]);
  });

  it('keeps the status of an error of the request itself: 401, 404 and 429', async () => {
    const job = (await kickOff('respond-async, separate-export-status')).headers.get('content-location')!;
    const path = job.replace('http://test', '');
    expect((await fetch(platform.url + path)).status).toBe(401);
    expect((await platform.fetch(`/fhir/bulk/${'a'.repeat(26)}`)).status).toBe(404);
    const statuses = await Promise.all(Array.from({ length: 45 }, async () => (await platform.fetch(path)).status));
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    const other = await platform.token('c2').catch(() => 'nonsense');
    expect((await platform.fetch(path, { token: other })).status).toBe(401);
  });
});

describe('EXPORT_MANIFEST=4 (E70)', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await started({ manifest: 4 });
  });
  afterAll(() => platform.dispose());

  it('starts an export by POST only', async () => {
    for (const operation of ['$export', '$davinci-data-export']) {
      const answer = await platform.fetch(`/fhir/Group/${GROUP}/${operation}`);
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
      // It says so before it looks for the Group.
      expect((await platform.fetch(`/fhir/Group/none/${operation}`)).status).toBe(405);
    }
    expect((await ask(platform, {})).status).toBe(202);
  });

  it('has manifestType, outputFormat, outcome and a list of extensions, and no request and no error', async () => {
    const parameter = [{ name: '_type', valueString: 'Patient' }, text('_outputFormat', 'text/csv')];
    const manifest = (await asked(platform, { parameter, lenient: true })) as unknown as Record<string, unknown> & {
      output: { url: string }[];
      outcome: { url: string }[];
      extension: readonly { url: string; extension: readonly { url: string; extension?: unknown }[] }[];
    };
    const { output, outcome, extension, transactionTime, ...others } = manifest;
    expect(others).toEqual({
      manifestType: 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest',
      requiresAccessToken: true,
      outputFormat: 'application/fhir+ndjson',
      deleted: [],
    });
    expect(transactionTime).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(output).toEqual([{ type: 'Patient', url: expect.any(String) as string, count: 2 }]);
    expect(outcome).toEqual([{ url: expect.any(String) as string, count: 1 }]);
    expect(await (await platform.fetch(outcome[0]!.url)).text()).toContain('_outputFormat');
    expect(extension).toHaveLength(1);
    const [checksums] = extension;
    expect(URL.canParse(checksums!.url)).toBe(true);
    const files = checksums!.extension.filter(({ url }) => url === 'file');
    expect(files).toHaveLength(2);
    expect(JSON.stringify(files[0])).toMatch(/"sha256","valueString":"[0-9a-f]{64}"/);
  });

  it('names no type in an organized export', async () => {
    const manifest = await asked(platform, { parameter: [text('organizeOutputBy', 'Patient')] });
    expect(manifest.outputOrganizedBy).toBe('Patient');
    expect(Object.keys(manifest.output[0]!)).toEqual(['url', 'count']);
  });
});

describe('the default manifest (E70)', () => {
  it('has what Bulk Data 1, 2 and 3 require, and only URLs of the platform that need a token (E72)', async () => {
    const platform = await started();
    const manifest = await platform.manifest(await platform.kickOff());
    expect(Object.keys(manifest)).toEqual([
      ...['transactionTime', 'request', 'requiresAccessToken', 'output', 'deleted', 'error', 'extension'],
    ]);
    expect(manifest.requiresAccessToken).toBe(true);
    for (const { url } of manifest.output) {
      expect(url).toMatch(/^http:\/\/test\/fhir\/bulk\/[a-z2-7]{26}\/[A-Za-z]+-\d+-\d+\.ndjson$/);
      // A link that carried its own permission would answer without a token.
      expect((await fetch(platform.url + url.replace('http://test', ''))).status).toBe(401);
    }
    await platform.dispose();
  });
});
