import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { pa } from '../../test/captured.ts';
import { PayerPlatform } from '../../test/payer-platform.ts';

/** The page with its sample files and commands: what it shows is what a reader gets. */
const page = readFileSync(join(import.meta.dirname, '../../../../docs/import.md'), 'utf8');
const files = [...page.matchAll(/^`([\w.-]+\.(?:csv|yaml))`:\n\n```\w+\n([\s\S]*?)^```$/gm)];
const commands = [...page.matchAll(/^```\n\$ npx pa (import .*)\n([\s\S]*?)^```$/gm)];

const platform = new PayerPlatform();
const folder = mkdtempSync(join(tmpdir(), 'provider-access-import-docs-'));
const before = process.cwd();
beforeAll(async () => {
  await platform.listen();
  vi.stubEnv('PA_PAYER_TOKEN', 'payer');
  for (const [, name, content] of files) writeFileSync(join(folder, name!), content!);
  process.chdir(folder);
});
afterAll(async () => {
  process.chdir(before);
  vi.unstubAllEnvs();
  await platform.close();
  rmSync(folder, { recursive: true });
});

test('has a sample file for each kind of import', () => {
  expect(files.map(([, name]) => name)).toEqual(
    expect.arrayContaining(['roster.csv', 'network.csv', 'coverage.csv', 'opt-outs.csv', 'roster.yaml']),
  );
  expect(commands).toHaveLength(5);
});

test.each(commands.map(([, command, output]) => [command!, output!]))(
  'pa %s prints what the page shows',
  async (line, shown) => {
    const { stdout, code } = await pa('--server', platform.base, ...line.split(' '));
    // The page leaves out the preview of a dry run.
    const [said] = stdout.split(/^line +member/m);
    expect(said).toBe(shown);
    expect(code).toBe(shown.includes(', 0 refused') ? 0 : 1);
  },
);

test('a corrected file of refused rows goes through with the same map', async () => {
  const refused = readFileSync(join(folder, 'opt-outs.refused.csv'), 'utf8');
  expect(refused).toBe('member,choice,provider,said\nm-000019,ONE,,2026-10-02T10:00:00-05:00\n');
  expect(statSync(join(folder, 'opt-outs.refused.csv')).mode & 0o777).toBe(0o600);
  writeFileSync(join(folder, 'opt-outs.refused.csv'), refused.replace(',ONE,,', ',ONE,1245319599,'));
  const ran = await pa(
    ...['--server', platform.base, 'import', 'opt-outs', 'opt-outs.refused.csv', '--map', 'opt-outs.yaml'],
  );
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/\n0 opt-outs are NOT in force\n$/) as string });
  expect(platform.ofType('payer.member-opted-out.v2').map(({ subject, data }) => [subject, data])).toEqual([
    ['m-000017', { scope: 'global', channel: 'mail' }],
    ['m-000018', { scope: 'provider-specific', targets: [{ npi: '1234567893' }], channel: 'mail' }],
    ['m-000019', { scope: 'provider-specific', targets: [{ npi: '1245319599' }], channel: 'mail' }],
  ]);
  expect(readdirSync(folder)).not.toContain('opt-outs.refused.refused.csv');
});
