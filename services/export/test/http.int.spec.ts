import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ADMIN, GROUP, Platform } from './harness.ts';

const run = promisify(execFile);
let platform: Platform;
let url: string;
let text: string;
let token: string;

beforeAll(async () => {
  platform = await Platform.start({}, undefined, 'embedded');
  await platform.client('c1');
  await platform.group();
  const members = Array.from({ length: 120 }, (_, i) => `m${String(i).padStart(3, '0')}`);
  await platform.members(members);
  await platform.resources(
    members.flatMap((member, i) =>
      Array.from({ length: 5 }, (_, n) => ({
        member,
        type: 'Observation',
        id: `${member}-${n}`,
        text: `é ${randomBytes(i * 5).toString('hex')}`,
      })),
    ),
  );
  for (let i = 0; i < 120; i += 7) await platform.optOut(members[i]!);
  const manifest = await platform.manifest(await platform.kickOff());
  // Opt out after the files are written, so that downloads must filter them.
  for (let i = 1; i < 120; i += 11) await platform.optOut(members[i]!);
  url = platform.url + manifest.output[0]!.url.replace('http://test', '');
  token = await platform.token();
  text = await (await platform.fetch(manifest.output[0]!.url)).text();
});
afterAll(() => platform.dispose());

/** A request without the decoding of `fetch`. */
const raw = (
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> =>
  new Promise((resolve, reject) => {
    httpRequest(url, { method, headers: { authorization: `Bearer ${token}`, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    })
      .on('error', reject)
      .end();
  });

describe('a file', () => {
  it('says what it is, in both codings', async () => {
    const gzip = await raw({ 'accept-encoding': 'gzip' });
    const plain = await raw();
    for (const { headers, body } of [gzip, plain]) {
      expect(headers).toMatchObject({
        'content-type': 'application/fhir+ndjson',
        vary: 'Accept-Encoding',
        'accept-ranges': 'bytes',
        'content-length': String(body.length),
      });
      expect(headers.etag).toMatch(/^"[\w-]{32}"$/);
      expect(Date.parse(headers.expires!)).toBeGreaterThan(Date.now());
    }
    expect([gzip.headers['content-encoding'], plain.headers['content-encoding']]).toEqual(['gzip', undefined]);
    expect(gzip.headers.etag).not.toBe(plain.headers.etag);
    expect(plain.body.toString()).toBe(text);
    expect(gunzipSync(gzip.body).toString()).toBe(text);
    expect(text.split('\n').length).toBeGreaterThan(300);
  });

  it.each(['gzip', 'identity'])('answers HEAD as GET, without a body (%s)', async (coding) => {
    const head = await raw({ 'accept-encoding': coding }, 'HEAD');
    const get = await raw({ 'accept-encoding': coding });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const name of [
      'content-length',
      'etag',
      'content-type',
      'content-encoding',
      'accept-ranges',
      'expires',
      'vary',
    ])
      expect(head.headers[name]).toBe(get.headers[name]);
  });

  it.each(['gzip', 'identity'])('is resumed byte for byte under its ETag (%s)', async (coding) => {
    const whole = await raw({ 'accept-encoding': coding });
    const tag = whole.headers.etag!;
    const length = whole.body.length;
    const points = [
      0,
      1,
      5,
      9,
      10,
      11,
      Math.floor(length / 3),
      Math.floor(length / 2),
      length - 11,
      length - 9,
      length - 1,
    ];
    for (const start of points) {
      for (const end of [start, Math.min(length - 1, start + 777), length - 1]) {
        const part = await raw({ 'accept-encoding': coding, range: `bytes=${start}-${end}`, 'if-range': tag });
        expect([part.status, part.headers['content-range']]).toEqual([206, `bytes ${start}-${end}/${length}`]);
        expect(part.body.equals(whole.body.subarray(start, end + 1))).toBe(true);
      }
    }
    const tail = await raw({ 'accept-encoding': coding, range: 'bytes=-100', 'if-range': tag });
    expect(tail.body.equals(whole.body.subarray(length - 100))).toBe(true);
  });

  it('gives the whole when the range is under another ETag, or that of the other coding', async () => {
    const gzip = await raw({ 'accept-encoding': 'gzip' });
    for (const ifRange of ['"other"', `W/${(await raw()).headers.etag!}`, gzip.headers.etag!]) {
      const answer = await raw({ range: 'bytes=10-20', 'if-range': ifRange });
      expect([answer.status, answer.body.toString() === text]).toEqual([200, true]);
    }
  });

  it('refuses a range behind its end, and knows what the client has', async () => {
    const { headers, body } = await raw();
    const behind = await raw({ range: `bytes=${body.length}-`, 'if-range': headers.etag! });
    expect([behind.status, behind.headers['content-range'], behind.headers['content-type']]).toEqual([
      416,
      `bytes */${body.length}`,
      'application/fhir+json; charset=utf-8',
    ]);
    const known = await raw({ 'if-none-match': headers.etag! });
    expect([known.status, known.body.length]).toEqual([304, 0]);
  });
});

describe('the same lines come out of', () => {
  const tool = async (name: string, args: readonly string[]): Promise<boolean> => {
    try {
      await run(name, args);
      return true;
    } catch {
      // eslint-disable-next-line no-console -- what is not tested is said aloud
      console.warn(`${name} is not installed: what it makes of a file was NOT tested`);
      return false;
    }
  };
  const folder = async (): Promise<string> => {
    const made = await mkdtemp(join(tmpdir(), 'download-'));
    onTestFinished(() => rm(made, { recursive: true, force: true }));
    return made;
  };
  it('curl, compressed and not', async (context) => {
    if (!(await tool('curl', ['--version']))) return context.skip();
    for (const option of [['--compressed'], []]) {
      const { stdout } = await run('curl', ['-sSf', ...option, '-H', `Authorization: Bearer ${token}`, url], {
        maxBuffer: 64e6,
      });
      expect(stdout).toBe(text);
    }
  });
  it('curl with a file of gzip that gunzip reads', async (context) => {
    if (!(await tool('curl', ['--version'])) || !(await tool('gzip', ['--version']))) return context.skip();
    const file = join(await folder(), 'part.gz');
    await run('curl', ['-sSf', '-H', 'Accept-Encoding: gzip', '-H', `Authorization: Bearer ${token}`, '-o', file, url]);
    expect((await run('gzip', ['-dc', file], { maxBuffer: 64e6 })).stdout).toBe(text);
  });
  it('wget', async (context) => {
    if (!(await tool('wget', ['--version']))) return context.skip();
    for (const option of [['--compression=gzip'], []]) {
      const file = join(await folder(), 'part');
      await run('wget', ['-q', ...option, `--header=Authorization: Bearer ${token}`, '-O', file, url]);
      expect(await readFile(file, 'utf8')).toBe(text);
    }
  });
  it('python3', async (context) => {
    if (!(await tool('python3', ['--version']))) return context.skip();
    const program =
      'import gzip,sys,urllib.request as u;r=u.urlopen(u.Request(sys.argv[1],headers={"Authorization":"Bearer ' +
      '"+sys.argv[2],"Accept-Encoding":"gzip"}));sys.stdout.buffer.write(gzip.decompress(r.read()))';
    expect((await run('python3', ['-c', program, url, token], { maxBuffer: 64e6 })).stdout).toBe(text);
  });
  it('fetch', async () => {
    expect(await (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).text()).toBe(text);
  });
});

describe('a kick-off', () => {
  const post = (body: string, type = 'application/fhir+json', operation = '$export', query = '') =>
    platform.fetch(`/fhir/Group/${GROUP}/${operation}${query}`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    });
  const parameters = (...parameter: unknown[]): string => JSON.stringify({ resourceType: 'Parameters', parameter });

  it('takes POST with Parameters, with either type of JSON, and with nothing', async () => {
    for (const [body, type] of [
      [parameters({ name: '_type', valueString: 'Patient' }), 'application/fhir+json'],
      [parameters(), 'application/json'],
      ['', 'application/fhir+json'],
    ] as const) {
      const response = await post(body, type, '$davinci-data-export');
      expect(response.status).toBe(202);
      expect(response.headers.get('content-location')).toMatch(/^http:\/\/test\/fhir\/bulk\/[a-z2-7]{26}$/);
      expect(response.headers.get('preference-applied')).toBe('respond-async');
      expect((await platform.fetch(response.headers.get('content-location')!)).status).toBeLessThan(203);
      await platform.manifest(response.headers.get('content-location')!.replace('http://test', ''));
    }
  });

  it.each([
    ['GET', '$export', 'application/fhir+ndjson'],
    ['POST', '$export', 'application/fhir+ndjson'],
    ['GET', '$davinci-data-export', 'application/fhir%2Bndjson'],
    ['POST', '$davinci-data-export', 'application/fhir+ndjson'],
  ])('takes the media type of NDJSON on the URL (%s %s, %s)', async (method, operation, format) => {
    const response = await platform.fetch(
      `/fhir/Group/${GROUP}/${operation}?_outputFormat=${format}&_type=Observation`,
      { method },
    );
    expect([response.status, await response.text()]).toEqual([202, expect.stringContaining('accepted')]);
    await platform.fetch(response.headers.get('content-location')!, { method: 'DELETE' });
  });

  it('takes resourceTypes of ATR as _type, and refuses both together', async () => {
    const path = `/fhir/Group/${GROUP}/$davinci-data-export`;
    const response = await platform.fetch(`${path}?resourceTypes=Patient,Observation`);
    const manifest = await platform.manifest(response.headers.get('content-location')!.replace('http://test', ''));
    expect(manifest.output.map((file) => file.type)).toEqual(['Observation']);
    const both = await platform.fetch(`${path}?resourceTypes=Patient&_type=Patient`);
    expect([both.status, await both.text()]).toEqual([400, expect.stringMatching(/resourceTypes and _type/)]);
  });

  it('E2: repeats its URL in the manifest and warns in error files when lenient', async () => {
    const path = `/fhir/Group/${GROUP}/$export?_type=Observation,Nonsense&organizeOutputBy=x`;
    const response = await platform.fetch(path, { headers: { prefer: 'respond-async, handling=lenient' } });
    expect([response.status, response.headers.get('preference-applied')]).toEqual([
      202,
      'respond-async, handling=lenient',
    ]);
    const manifest = await platform.manifest(response.headers.get('content-location')!.replace('http://test', ''));
    expect(manifest.request).toBe(`http://test${path}`);
    expect(manifest.error).toMatchObject([{ type: 'OperationOutcome', count: 2 }]);
    const outcomes = (await platform.lines(manifest, 'error'))['OperationOutcome']!;
    expect(
      outcomes
        .map((o) => (o['issue'] as { severity: string; expression: string[] }[])[0])
        .map((i) => [i!.severity, i!.expression[0]]),
    ).toEqual([
      ['warning', '_type'],
      ['warning', 'organizeOutputBy'],
    ]);
  });

  it.each([
    ['?_type=Nonsense', 400, 'value'],
    ['?_since=2999-01-01T00:00:00Z', 400, 'value'],
    ['?_since=then', 400, 'value'],
    ['?_outputFormat=csv', 400, 'not-supported'],
    ['?_typeFilter=a', 400, 'value'],
    ['?patient=Patient/1', 400, 'not-supported'],
    ['?_elements=colour', 400, 'value'],
    ['?organizeOutputBy=Group', 400, 'not-supported'],
    ['?exportType=x', 400, 'not-supported'],
  ])('%s is refused with an OperationOutcome that names it', async (query, status, code) => {
    const response = await platform.fetch(`/fhir/Group/${GROUP}/$export${query}`);
    const outcome = (await response.json()) as {
      resourceType: string;
      issue: { code: string; expression: string[] }[];
    };
    expect([response.status, outcome.resourceType, outcome.issue[0]!.code]).toEqual([status, 'OperationOutcome', code]);
    expect(query).toContain(outcome.issue[0]!.expression[0]);
  });

  it.each([
    ['not json', 'application/fhir+json', 400],
    ['{"resourceType":"Patient"}', 'application/fhir+json', 400],
    ['[]', 'application/json', 400],
    ['a=b', 'application/x-www-form-urlencoded', 415],
    ['<a/>', 'application/xml', 415],
  ])('body %s as %s is %d', async (body, type, status) => {
    const response = await post(body, type);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { resourceType: string }).resourceType).toBe('OperationOutcome');
  });

  it('with the same name in body and URL, another method or Accept is refused', async () => {
    expect(
      (
        await post(
          parameters({ name: '_type', valueString: 'Patient' }),
          'application/fhir+json',
          '$export',
          '?_type=Patient',
        )
      ).status,
    ).toBe(400);
    for (const method of ['PUT', 'DELETE', 'HEAD']) {
      const answer = await platform.fetch(`/fhir/Group/${GROUP}/$export`, { method });
      expect([answer.status, answer.headers.get('allow')], method).toEqual([405, 'GET, POST']);
    }
    for (const accept of ['text/html', 'application/fhir+json;q=0'])
      expect((await platform.fetch(`/fhir/Group/${GROUP}/$export`, { headers: { accept } })).status, accept).toBe(406);
    expect(
      (
        await post(
          parameters({ name: 'exportType', valueCanonical: 'hl7.fhir.us.davinci-pdex#provider-delta' }),
          'application/fhir+json',
          '$davinci-data-export',
        )
      ).status,
    ).toBe(400);
  });
});

describe('/ops/views/export', () => {
  it('is the administrator’s: tells positions and rebuilds', async () => {
    expect((await platform.fetch('/ops/views/export')).status).toBe(401);
    const list = (await (await platform.fetch('/ops/views/export', { token: ADMIN })).json()) as {
      views: { view: string; documents: number }[];
    };
    expect(list.views).toMatchObject([{ view: 'export_jobs_v3' }]);
    const rebuilt = await platform.fetch('/ops/views/export/jobs/rebuild', { token: ADMIN, method: 'POST' });
    expect(rebuilt.status).toBe(200);
    expect((await platform.fetch('/ops/views/export/none/rebuild', { token: ADMIN, method: 'POST' })).status).toBe(404);
    expect(Buffer.from(await (await platform.fetch(url.replace(platform.url, ''))).arrayBuffer()).toString()).toBe(
      text,
    );
  });
});

// https://hl7.org/fhir/R4/http.html#parameters: of every interaction.
it.each([
  ['?_format=json&_pretty=true', 'application/fhir+xml', 202],
  ['?_format=application/fhir%2Bjson', 'text/html', 202],
  ['?_pretty=true', 'application/fhir+xml', 406],
  ['?_format=xml', 'application/fhir+json', 406],
])('a kick-off with %s and Accept %s is %d', async (query, accept, status) => {
  const answer = await platform.fetch(`/fhir/Group/${GROUP}/$export${query}`, {
    headers: { prefer: 'respond-async', accept },
  });
  expect(answer.status, await answer.text()).toBe(status);
});
