import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPlatform as startStandalone, type PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { COMPILED } from './compiled.ts';
import { http, json } from './road.ts';
import { follow, NETWORK, ROOT } from './tutorials.ts';

/** docs/samples.md against a sandbox, in a fresh clone of the last commit with an empty home. */

/** Postman's own programs: they run a collection, and import an OpenAPI document as Postman does. */
const NEWMAN = 'newman@6.2.1';
const CONVERTER = 'openapi-to-postmanv2@6.3.3';
const folder = mkdtempSync(join(tmpdir(), 'provider-access-samples-'));
const clone = join(folder, 'clone');
interface Client {
  readonly client_id: string;
  readonly key: string;
}
let platform: PlatformProcess;
let client: Client;
beforeAll(async () => {
  execFileSync('git', ['clone', '-q', '--no-local', ROOT, clone]);
  platform = await startStandalone({
    dataDir: join(clone, '.sandbox'),
    env: { ...COMPILED, SANDBOX: 'true', SANDBOX_MEMBERS: '20' },
  });
  await eventually(async () => {
    const answer = await http(`${platform.base}/ops/sandbox`, { token: platform.administratorToken });
    const { status, clients } = json<{ status: string; clients: readonly Client[] }>(answer);
    expect(status).toBe('ready');
    client = clients[0]!;
    expect(client.key).toBe(join(clone, '.sandbox/sandbox/clinic-a.key.json'));
  });
});
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the commands of docs/samples.md below a text, as a reader does in a clone beside the data of a sandbox. */
async function followed(after: string, replace: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, stderr } = await follow('docs/samples.md', {
    cwd: clone,
    after,
    replace,
    env: { ...NETWORK, npm_config_offline: 'false' },
  });
  expect(code, `${stdout}${stderr}`).toBe(0);
  return stdout;
}

test.each([
  ['node', 'Node:'],
  ['python', 'Python, with'],
  ['java', 'Java 17 or later'],
])(
  'the sample for %s exports a Group with the commands of its page, and git sees no new file',
  async (folderOf, after) => {
    const files = join(clone, 'docs/samples', folderOf, 'files');
    const output = await followed(after, {
      'http://127.0.0.1:8080': platform.base,
      CLIENT_ID: client.client_id,
    });
    const names = readdirSync(files);
    expect(output).toContain(`${names.length} files; the next _since is 20`);
    for (const name of names) {
      const [, type] = name.split('.');
      for (const line of readFileSync(join(files, name), 'utf8').trim().split('\n'))
        expect((JSON.parse(line) as { resourceType: string }).resourceType, name).toBe(type);
    }
    expect(names.some((name) => name.endsWith('.Patient.ndjson'))).toBe(true);
    const seen = execFileSync('git', ['status', '--porcelain', '--', '.', ':!home'], { cwd: clone, encoding: 'utf8' });
    expect(seen).toBe('');
  },
  600_000,
);

const npx = (...args: readonly string[]): string =>
  execFileSync('npx', ['--yes', ...args], { cwd: folder, encoding: 'utf8' });

test('the Postman collection exports a Group with the assertion that its page prints', async () => {
  const assertion = (await followed('## Postman', {})).trim();
  const collection = join(clone, 'docs/samples/postman/provider-access.postman_collection.json');
  const output = npx(
    ...[NEWMAN, 'run', collection, '--bail'],
    ...['--environment', join(clone, 'docs/samples/postman/sandbox.postman_environment.json')],
    ...['--env-var', `base_url=${platform.base}`, '--env-var', `client_assertion=${assertion}`],
  );
  expect(output).toContain('each line is a Patient');
}, 600_000);

interface PostmanItem {
  readonly name: string;
  readonly item?: readonly PostmanItem[];
  readonly request: { readonly method: string; readonly url: { readonly path: readonly string[] } };
}
const requestsIn = (items: readonly PostmanItem[]): readonly PostmanItem[] =>
  items.flatMap((one) => (one.item === undefined ? [one] : requestsIn(one.item)));
const operationOf = ({ request: { method, url } }: PostmanItem): string => `${method} /${url.path.join('/')}`;

test('Postman imports the OpenAPI document of a server as one request of each operation', async () => {
  const { body } = await http(`${platform.base}/openapi.json`);
  writeFileSync(join(folder, 'openapi.json'), body);
  npx(CONVERTER, '-s', 'openapi.json', '-o', 'imported.json', '-O', 'enableOptionalParameters=false');
  const { item } = JSON.parse(readFileSync(join(folder, 'imported.json'), 'utf8')) as { item: readonly PostmanItem[] };
  const requests = requestsIn(item);
  const { paths } = JSON.parse(body.toString()) as { paths: Record<string, object> };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
      .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  );
  expect(requests.map(operationOf).toSorted()).toEqual(operations.toSorted());

  const { name } = requests.find((one) => operationOf(one) === 'GET /fhir/metadata')!;
  const output = npx(NEWMAN, 'run', 'imported.json', '--folder', name, '--env-var', `baseUrl=${platform.base}`);
  expect(output).toMatch(/GET http:\/\/127\.0\.0\.1:\d+\/fhir\/metadata \[200 OK/);
}, 600_000);
