import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pa, type Captured } from '../../test/captured.ts';
import { PayerPlatform } from '../../test/payer-platform.ts';

const NPI = '1234567893';
let platform: PayerPlatform;
beforeEach(async () => {
  platform = new PayerPlatform();
  await platform.listen();
  platform.known.add('m-1');
  vi.stubEnv('PA_PAYER_TOKEN', 'payer');
  vi.stubEnv('PA_ADMINISTRATOR_TOKEN', 'administrator');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await platform.close();
});
const said = (...argv: readonly string[]): Promise<Captured> => pa('--server', platform.base, ...argv);

test('an opt-out of an unknown member is published, with a warning', async () => {
  const ran = await said('opt-out', '--member', 'm-9');
  expect(ran.code).toBe(0);
  expect(ran.stderr).toContain('Member m-9: no coverage, attribution or opt-out of this id is stored.');
  expect(ran.stderr).toContain('applies as soon as the member appears');
  expect(platform.ofType('payer.member-opted-out.v2')).toMatchObject([{ subject: 'm-9' }]);
  expect((await said('opt-out', '--member', 'm-1')).stderr).not.toContain('m-1');
});

test.each([
  [['opt-in', '--member', 'm-9']],
  [['attribute', '--member', 'm-1', 'm-9', '--npi', NPI]],
  [['unattribute', '--member', 'm-9', '--npi', NPI]],
])('%j is refused for an unknown member, unless --force is given', async (argv) => {
  expect(await said(...argv)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Member m-9: no coverage') as string,
  });
  expect(platform.count).toBe(0);
  platform.asked.length = 0;
  expect(await said(...argv, '--force')).toMatchObject({ code: 0 });
  expect([platform.asked, platform.count > 0]).toEqual([[], true]);
});

test('a payer without the administrator token publishes without the question', async () => {
  vi.stubEnv('PA_ADMINISTRATOR_TOKEN', '');
  expect(await said('--data-dir', 'nowhere', 'attribute', '--member', 'm-9', '--npi', NPI)).toMatchObject({ code: 0 });
  expect(platform.asked).toEqual([]);
});

test('a platform that does not answer the question does not stop the publication', async () => {
  platform.interfere = ({ url }, response) => url!.startsWith('/ops') && (response.writeHead(503).end(), true);
  expect(await said('attribute', '--member', 'm-9', '--npi', NPI)).toMatchObject({ code: 0 });
});

test.each([
  [['opt-out', '--member', 'm-1', '--scope', 'provider-specific'], /--npi or --tin: .*names a provider/],
  [['opt-out', '--member', 'm-1', '--npi', NPI], /--scope: .*provider-specific does/],
  [['opt-out', '--member', 'm-1', '--scope', 'all'], /--scope is one of global, provider-specific/],
  [['opt-out', '--member', 'm-1', '--from', 'tomorrow'], /--from must be a day that exists/],
  [['opt-out', '--member', 'm 1'], /--member is not an id/],
  [['attribute', '--member', 'm-1', '--npi', '1234567890'], /--npi 1234567890 is not an NPI/],
  [['attribute', '--member', 'm-1', '--tin', '12'], /--tin 12 is not a TIN/],
  [['attribute', '--member', 'm-1', '--npi', NPI, '--from', '2026-02-30'], /--from must be a day that exists/],
  [['attribute', '--member', 'm-1', '--npi', NPI, '--from', '2026-02-02', '--to', '2026-02-01'], /--to: the end lies/],
  [['network', '--npi', NPI, '--status', 'in-network', '--from', '2026'], /--from must be a day/],
  [['explain', '--client', 'c', '--member', 'm-1', '--at', '2026-02-01'], /--at must be an RFC 3339 instant/],
  [['disclosures', '--member', '../x'], /--member is not an id/],
  [['apps', 'register', '--name', 'n', '--npi', '123'], /--npi 123 is not an NPI/],
  [['apps', 'register', '--name', 'n', '--npi', NPI, '--scope', 'system/*.rs patient/*.rs'], /--scope patient\/\*\.rs/],
  [['groups', '--npi', '1234567890'], /check digit/],
])('%j is refused before any request', async (argv, sentence) => {
  expect(await said(...argv)).toMatchObject({ code: 2, stderr: expect.stringMatching(sentence) as string });
  expect([platform.asked, platform.count]).toEqual([[], 0]);
});
