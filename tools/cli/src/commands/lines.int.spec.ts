import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { pa } from '../../test/captured.ts';
import { PayerPlatform } from '../../test/payer-platform.ts';

let platform: PayerPlatform;
let folder: string;
const sent: { readonly method: string; readonly url: string; readonly body: string }[] = [];
const REPORT = {
  version: 1,
  setAt: '2026-12-01T00:00:00.000Z',
  by: 'administrator x',
  reason: 'CMS-0057-F',
  lines: [
    { line: 'ma', start: '2027-01-01', from: '2027-01-01T05:00:00.000Z', plans: [{}], started: true, coverages: 3 },
    { line: 'mco', plans: [], started: false, coverages: 0 },
  ],
  unmapped: [{ plan: 'GOLD', coverages: 2 }],
  withoutPlan: 4,
};
let report: object = REPORT;
beforeEach(async () => {
  report = REPORT;
  sent.length = 0;
  platform = new PayerPlatform();
  platform.interfere = (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      sent.push({ method: request.method!, url: request.url!, body });
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(report));
    });
    return true;
  };
  await platform.listen();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-lines-'));
  vi.stubEnv('PA_ADMINISTRATOR_TOKEN', 'administrator');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await platform.close();
  rmSync(folder, { recursive: true });
});
const put = (text: string): string => {
  const file = join(folder, 'lines.json');
  writeFileSync(file, text);
  return file;
};

test('N63 shows the table, and names the plans of which nothing is shared', async () => {
  for (const args of [['lines'], ['lines', 'show']]) {
    const { code, stdout } = await pa('--server', platform.base, ...args);
    expect(code).toBe(1);
    expect(stdout).toContain('table 1, set 2026-12-01T00:00:00.000Z by administrator x: CMS-0057-F');
    expect(stdout).toMatch(/mco +no +no start date/);
    expect(stdout).toContain('not shared: the table does not name the plan GOLD (coverages: 2)');
    expect(stdout).toContain('not shared: no plan is known of the coverage (coverages: 4)');
  }
});
test('N63 says that all lines are started without a table', async () => {
  report = { version: 0, lines: [] };
  const { code, stdout } = await pa('--server', platform.base, 'lines');
  expect([code, stdout]).toEqual([0, 'There is no table of lines of business: all lines are started.\n']);
});
test('sets what the file has, with a reason, and checks without setting', async () => {
  report = { ...REPORT, unmapped: [], withoutPlan: 0 };
  const file = put('{"lines":[{"line":"ma"}]}');
  expect((await pa('--server', platform.base, 'lines', 'check', file)).code).toBe(0);
  expect((await pa('--server', platform.base, 'lines', 'set', file, '--reason', 'because')).code).toBe(0);
  expect(sent).toEqual([
    { method: 'POST', url: '/ops/lines/check', body: '{"lines":[{"line":"ma"}]}' },
    { method: 'POST', url: '/ops/lines', body: '{"lines":[{"line":"ma"}],"reason":"because"}' },
    { method: 'GET', url: '/ops/lines', body: '' },
  ]);
});
test.each([
  ['no/such/file', /no\/such\/file cannot be read/],
  ['broken', /lines\.json is no JSON/],
])('refuses a file that is no table before it sends anything: %s', async (what, said) => {
  const { code, stderr } = await pa('--server', platform.base, 'lines', 'set', what === 'broken' ? put('{') : what);
  expect(code).toBe(2);
  expect(stderr).toMatch(said);
  expect(sent).toEqual([]);
});
