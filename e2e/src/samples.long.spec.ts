import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPlatform as startStandalone, type PlatformProcess } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { COMPILED } from './compiled.ts';
import { paOf } from './pa.ts';
import { http, json } from './road.ts';

/** The samples of docs/samples.md against a sandbox, with the libraries that their page names. */

const SAMPLES = join(import.meta.dirname, '../../docs/samples');
const NEWMAN = 'newman@6.2.1';
const folder = mkdtempSync(join(tmpdir(), 'provider-access-samples-'));
interface Client {
  readonly client_id: string;
  readonly key: string;
  readonly app: string;
}
let platform: PlatformProcess;
let client: Client;
beforeAll(async () => {
  platform = await startStandalone({
    dataDir: join(folder, 'data'),
    env: { ...COMPILED, SANDBOX: 'true', SANDBOX_MEMBERS: '20' },
  });
  await eventually(async () => {
    const answer = await http(`${platform.base}/ops/sandbox`, { token: platform.administratorToken });
    const { status, clients } = json<{ status: string; clients: readonly Client[] }>(answer);
    expect(status).toBe('ready');
    client = clients[0]!;
  });
});
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a program to its end. @returns its output */
function run(program: string, args: readonly string[], cwd = folder): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${error?.message ?? ''}${stdout}${stderr}`);
  return stdout;
}
/** The samples say how many files they wrote, and each file has resources of its type. */
function expectFiles(output: string, files: string): void {
  const names = readdirSync(files);
  expect(output).toContain(`${names.length} files; the next _since is 20`);
  for (const name of names) {
    const [, type] = name.split('.');
    for (const line of readFileSync(join(files, name), 'utf8').trim().split('\n'))
      expect((JSON.parse(line) as { resourceType: string }).resourceType, name).toBe(type);
  }
  expect(names.some((name) => name.endsWith('.Patient.ndjson'))).toBe(true);
}
const argumentsOf = (files: string): string[] => [platform.base, client.client_id, client.key, files];

test('Python', () => {
  const files = join(folder, 'python');
  run('python3', ['-m', 'venv', 'venv']);
  run('venv/bin/pip', ['install', '--quiet', 'requests', 'pyjwt[crypto]']);
  expectFiles(run('venv/bin/python', [join(SAMPLES, 'python/export.py'), ...argumentsOf(files)]), files);
}, 600_000);

test('Java', () => {
  const files = join(folder, 'java-files');
  const project = join(folder, 'java');
  cpSync(join(SAMPLES, 'java'), project, { recursive: true });
  const args = ['-q', '-B', 'compile', 'exec:java', `-Dexec.args=${argumentsOf(files).join(' ')}`];
  expectFiles(run('mvn', args, project), files);
}, 600_000);

test('Postman', async () => {
  const { stdout } = await paOf(platform, folder)('token', '--app', client.app, '--assertion');
  const output = run('npx', [
    ...['--yes', NEWMAN, 'run', join(SAMPLES, 'postman/provider-access.postman_collection.json'), '--bail'],
    ...['--environment', join(SAMPLES, 'postman/sandbox.postman_environment.json')],
    ...['--env-var', `base_url=${platform.base}`, '--env-var', `client_assertion=${stdout.trim()}`],
  ]);
  expect(output).toContain('each line is a Patient');
}, 600_000);
