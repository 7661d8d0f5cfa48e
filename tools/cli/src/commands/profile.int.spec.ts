import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pa } from '../../test/captured.ts';
import { PayerPlatform } from '../../test/payer-platform.ts';

const [first, second] = [new PayerPlatform(), new PayerPlatform()];
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-profile-'));
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  for (const name of ['PA_SERVER', 'PA_PROFILE', 'DATA_DIR', 'PA_PAYER_TOKEN', 'PA_PAYER_TOKEN_FILE'])
    vi.stubEnv(name, undefined);
  mkdirSync(join(folder, 'tokens'));
  writeFileSync(join(folder, 'tokens', 'payer.token'), 'payer\n');
  for (const platform of [first, second]) {
    platform.events.clear();
    await platform.listen();
  }
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all([first.close(), second.close()]);
  rmSync(folder, { recursive: true });
});

const publish = async (...argv: readonly string[]): Promise<number> =>
  (await pa(...argv, 'opt-in', '--member', 'm-1', '--force')).code;
const taken = (): number[] => [first.events.size, second.events.size];

test('a profile names a platform and its tokens; --profile, PA_PROFILE and use choose another one', async () => {
  const tokens = ['--tokens', join(folder, 'tokens')];
  expect((await pa('profile', 'list')).stdout).toContain('no profiles');
  expect(await pa('profile', 'add', 'test', first.base, ...tokens)).toMatchObject({ code: 0 });
  expect((await pa('profile', 'add', 'production', `${second.base}/`, ...tokens)).stdout).toContain('pa profile use');
  const file = join(folder, 'provider-access', 'profiles.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).not.toContain('payer\n');
  expect(await publish()).toBe(0);
  expect(taken()).toEqual([1, 0]);
  expect(await publish('--profile', 'production')).toBe(0);
  expect(taken()).toEqual([1, 1]);
  vi.stubEnv('PA_PROFILE', 'production');
  expect(await publish()).toBe(0);
  expect(taken()).toEqual([1, 2]);
  vi.stubEnv('PA_PROFILE', undefined);
  await pa('profile', 'use', 'production');
  expect(await publish()).toBe(0);
  expect(taken()).toEqual([1, 3]);
  // What the command line and the environment say comes first.
  vi.stubEnv('PA_PAYER_TOKEN', 'payer');
  vi.stubEnv('PA_SERVER', first.base);
  expect(await publish()).toBe(0);
  expect(taken()).toEqual([2, 3]);
  expect(await publish('--server', second.base)).toBe(0);
  expect(taken()).toEqual([2, 4]);
  expect((await pa('profile', 'remove', 'production')).code).toBe(0);
  expect((await pa('profile', 'list')).stdout).not.toContain('production');
});

test.each([
  [['profile', 'add', 'x y', 'http://a'], /letters, digits/],
  [['profile', 'add', 'x', 'nowhere'], /not a URL of a platform/],
  [['profile', 'add', 'x', 'https://me:secret@a.example'], /no password/],
  [['profile', 'use', 'x'], /no profile x/],
  [['--profile', 'x', 'views', 'list'], /no profile x/],
])('%j is refused', async (argv, sentence) => {
  expect(await pa(...argv)).toMatchObject({ code: 2, stderr: expect.stringMatching(sentence) as string });
});
