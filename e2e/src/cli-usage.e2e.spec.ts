import { lines, patient } from './cli-resources.ts';
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { PublishReport } from '@provider-access/cli';
import { cliPlatform } from './cli-platform.ts';
import { follow } from './tutorials.ts';

const { pa, at, platform } = cliPlatform();

describe('help and wrong usage', () => {
  test.each([
    [['--help'], 0, /Exit codes: 0 done/],
    [['publish', 'no/such/file'], 2, /no\/such\/file does not exist/],
    [['--server', 'http://127.0.0.1:9', 'views', 'list'], 3, /cannot be reached/],
  ])('pa %s exits %i', async (args, code, said) => {
    const ran = await pa(...args);
    expect(`${ran.stdout}${ran.stderr}`).toMatch(said);
    expect(ran.code).toBe(code);
  });

  test('a wrong token is 4', async () => {
    writeFileSync(at('one.ndjson'), lines([patient('nobody')]));
    expect(await pa.with({ env: { PA_PAYER_TOKEN: 'wrong' } }, 'publish', 'one.ndjson')).toMatchObject({
      code: 4,
      stdout: '',
    });
  });
});

test("a contributor's opt-out takes effect, with the commands of the tutorial", async () => {
  const { base, dataDir } = platform();
  const cwd = at('contributor');
  const { code, stdout, stderr } = await follow('docs/tutorials/contributor.md', {
    cwd,
    env: { PA_SERVER: base, DATA_DIR: dataDir },
  });
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('m-1 is opted out. No provider sees this member from now on.');
  expect(stderr).toContain('applies as soon as the member appears');
});

test('generated events go through a pipe', async () => {
  const generated = await pa('generate', '--members', '1', '--seed', 'cli', '--out', '-');
  const count = generated.stdout.trim().split('\n').length;
  const published = JSON.parse(
    (await pa.with({ stdin: generated.stdout }, '--json', 'publish', '-')).stdout,
  ) as PublishReport;
  expect(published).toMatchObject({ read: count, accepted: count, refused: [] });
  expect(Object.values(published.outcomes).reduce((a, b) => a + b, 0)).toBe(count);
});
