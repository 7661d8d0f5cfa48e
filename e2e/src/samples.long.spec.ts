import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPlatform as startStandalone, type PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { COMPILED } from './compiled.ts';
import { http, json } from './road.ts';
import { follow, NETWORK, ROOT } from './tutorials.ts';

/** docs/samples.md against a sandbox, in a fresh clone of the last commit with an empty home. */

const NEWMAN = 'newman@6.2.1';
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

test('the Postman collection exports a Group with the assertion that its page prints', async () => {
  const assertion = (await followed('## Postman', {})).trim();
  const collection = join(clone, 'docs/samples/postman/provider-access.postman_collection.json');
  const output = execFileSync(
    'npx',
    [
      ...['--yes', NEWMAN, 'run', collection, '--bail'],
      ...['--environment', join(clone, 'docs/samples/postman/sandbox.postman_environment.json')],
      ...['--env-var', `base_url=${platform.base}`, '--env-var', `client_assertion=${assertion}`],
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  expect(output).toContain('each line is a Patient');
}, 600_000);
