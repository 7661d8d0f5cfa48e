import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pa } from '../../test/captured.ts';
import { PayerPlatform } from '../../test/payer-platform.ts';

let platform: PayerPlatform;
let folder: string;
beforeEach(async () => {
  platform = new PayerPlatform();
  await platform.listen();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-report-'));
  vi.stubEnv('PA_PAYER_TOKEN', 'payer');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await platform.close();
  rmSync(folder, { recursive: true });
});
const put = (...resources: readonly object[]): string => {
  const file = join(folder, 'resources.ndjson');
  writeFileSync(file, resources.map((resource) => `${JSON.stringify(resource)}\n`).join(''));
  return file;
};
const patient = { reference: 'Patient/m-1' };

test('Group and Consent resources come with a hint about the events to send instead', async () => {
  const file = put(
    { resourceType: 'Group', id: 'g1', type: 'person', actual: true },
    { resourceType: 'Group', id: 'g2', type: 'person', actual: true },
    { resourceType: 'Consent', id: 'c1', patient, status: 'active' },
    { resourceType: 'Patient', id: 'm-1' },
  );
  const { stdout } = await pa('--server', platform.base, 'publish', file);
  expect(stdout).toMatch(/^4 read, 4 accepted \(4 recorded\), 0 refused\.\n2 Group resources: .*pa import roster/);
  expect(stdout).toMatch(/\n1 Consent resource: .*payer\.member-opted-out\.v1.*pa import opt-outs/);
  const json = JSON.parse((await pa('--server', platform.base, '--json', 'publish', file)).stdout) as object;
  expect(json).toMatchObject({ hints: [expect.stringContaining('Group'), expect.stringContaining('Consent')] });
});

test('parked events are told with their detail', async () => {
  platform.park = () => 'missing-id';
  const { stdout, code } = await pa(
    '--server',
    platform.base,
    'publish',
    put({ resourceType: 'Condition', subject: patient }),
  );
  expect(code).toBe(1);
  expect(stdout).toMatch(/parked:\n +what +reason +dead letter +detail\n.*\n.*missing-id +dl-1 +what is wrong: .*dl-1/);
});

test('an opt-out is told in a sentence before the counts', async () => {
  const { stdout } = await pa('--server', platform.base, 'opt-out', '--member', 'm-1');
  expect(stdout).toMatch(/^m-1 is opted out\. No provider sees this member from now on\.\n1 read, 1 accepted/);
  const provider = ['--scope', 'provider-specific', '--npi', '1234567893'];
  expect((await pa('--server', platform.base, 'opt-out', '--member', 'm-1', ...provider)).stdout).toMatch(
    /^m-1 is opted out\. None of these providers sees this member/,
  );
  platform.known.add('m-1');
  const { stdout: back } = await pa('--server', platform.base, 'opt-in', '--member', 'm-1');
  expect(back).toMatch(/^m-1 is opted in\. Providers see this member again if coverage and attribution permit it\.\n/);
  expect(back).toContain('1 of them decides now (effective).');
});
