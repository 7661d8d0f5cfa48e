import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launch } from '@provider-access/cli';
import { COMPILED } from './compiled.ts';

/** Findings U6 and U16: what an operator sees when `npm start` or a service starts, or cannot start. */

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'provider-access-start-'));
const file = join(folder, 'file');
const damaged = join(folder, 'damaged');
const busy = createServer();
let port: number;

beforeAll(async () => {
  writeFileSync(file, '');
  mkdirSync(damaged);
  writeFileSync(join(damaged, 'log.db'), 'this is no database'.repeat(1000));
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
  ({ port } = busy.address() as AddressInfo);
});
afterAll(() => {
  busy.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a process until it ends. @returns its exit code, and the lines of both streams */
async function run(
  env: Record<string, string>,
  main = 'services/standalone/dist/main.js',
): Promise<{ readonly code: number | string; readonly lines: readonly string[] }> {
  const own = { PATH: process.env['PATH']!, HOME: folder, ...COMPILED };
  const { ended, output } = launch(process.execPath, [join(ROOT, main)], {
    env: { ...own, PORT: '0', DATA_DIR: join(folder, 'data'), ...env },
  });
  return { code: await ended, lines: output };
}
const MAY_NOT = 'name a folder that this process may write';

/** `libs/service/src/config/folder.unit.spec.ts` has the other folders that nobody can write. */
describe('a start that cannot succeed ends with 1 and one sentence', () => {
  test.each<[string, () => Record<string, string>, RegExp]>([
    [
      'DATA_DIR is a file',
      () => ({ DATA_DIR: file }),
      new RegExp(`DATA_DIR: the folder ${file} is a file, .*${MAY_NOT}$`),
    ],
    [
      'DATA_DIR holds another log.db',
      () => ({ DATA_DIR: damaged }),
      /DATA_DIR: the folder .* holds a log.db that cannot/,
    ],
    ['PORT is in use', () => ({ PORT: String(port) }), /PORT: port \d+ of 127\.0\.0\.1 is in use; set PORT to another/],
    [
      'INTERNAL_PORT is in use',
      () => ({ INTERNAL_PORT: String(port) }),
      /INTERNAL_PORT: port \d+ of .* set INTERNAL_PORT/,
    ],
    ['PROT for PORT', () => ({ PROT: '1' }), /PROT: is not known here; did you mean PORT\?/],
  ])('%s', async (_, env, sentence) => {
    const { code, lines } = await run(env());
    expect({ code, last: lines.at(-1) }).toEqual({ code: 1, last: expect.stringMatching(sentence) });
    // Before it: what the start does, and warnings in the same form.
    expect(lines[0]).toBe('starting');
    for (const line of lines.slice(1)) expect(line).toMatch(/^\d\d:\d\d:\d\d (warning|error): [A-Z_]+/);
    expect(lines.at(-1)).toMatch(/ error: /);
    if (env()['PORT'] !== undefined) expect(lines.at(-1)).toContain(`port ${port} `);
  });

  test('npm says what it does before, and passes the exit code on', async () => {
    const env = { PATH: process.env['PATH']!, HOME: folder, ...COMPILED, PROT: '8081' };
    const { ended, output } = launch('npm', ['--prefix', ROOT, 'start', '--', '--sandbox'], { env });
    expect(await ended, output.join('\n')).toBe(1);
    const own = output.filter((line) => line !== '' && !line.startsWith('> '));
    expect(own.slice(0, 2)).toEqual(['building', 'starting']);
    expect(own.slice(2)).toEqual([expect.stringMatching(/ error: PROT: is not known here; did you mean PORT\?/)]);
  });

  test.each([
    ['npm start', 'services/standalone/dist/main.js', 'provider-access'],
    ['a service', 'services/auth/dist/main.js', 'auth'],
    ['the administration', 'services/admin/dist/main.js', 'admin'],
    ['a sandbox in a cluster', 'tools/sandbox/dist/main.js', 'sandbox'],
  ])('LOG_FORMAT=json: %s writes errors and warnings as JSON lines with the same fields', async (_, main, name) => {
    const { code, lines } = await run({ LOG_FORMAT: 'json', KAFKA_BROKERS: '', METRICS: 'perhaps' }, main);
    expect(code).not.toBe(0);
    const written = lines.filter((line) => line !== 'starting').map((line) => JSON.parse(line) as object);
    expect(written.at(-1)).toEqual({ level: 50, time: expect.any(String), name, msg: expect.any(String) });
  });

  test('a service writes JSON by default, and text when LOG_FORMAT says so', async () => {
    const main = 'services/auth/dist/main.js';
    expect(JSON.parse((await run({}, main)).lines.at(-1)!)).toMatchObject({ level: 50, name: 'auth' });
    expect((await run({ LOG_FORMAT: 'text' }, main)).lines.at(-1)).toMatch(
      /^\d\d:\d\d:\d\d error: .*KAFKA_BROKERS: must/,
    );
  });
});
