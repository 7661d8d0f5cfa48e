import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pa, type Captured } from '../../test/captured.ts';
import { PayerPlatform } from '../../test/payer-platform.ts';

let platform: PayerPlatform;
let folder: string;
beforeEach(async () => {
  platform = new PayerPlatform();
  await platform.listen();
  folder = mkdtempSync(join(tmpdir(), 'provider-access-files-'));
  vi.stubEnv('PA_PAYER_TOKEN', 'payer');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await platform.close();
  rmSync(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);
const put = (name: string, ...lines: readonly string[]): void => writeFileSync(at(name), `${lines.join('\n')}\n`);
const imported = (what: string, name: string, ...more: readonly string[]): Promise<Captured> =>
  pa('--server', platform.base, 'import', what, at(name), ...more);

describe('files that a spreadsheet opens, and files that somebody else put there (N9)', () => {
  const FORMULAS = ['=cmd|x', '+1', '-2', '@SUM(A1)', '\t=cmd|x', '＝cmd', '"=cmd|x, y"', '"a,=b"', 'a;=b'];

  test.each(FORMULAS)(
    'a refused row with the cell %j holds no formula, and says the same when it is corrected',
    async (cell) => {
      const row = (scope: string): string => `m-1,${scope},${cell}`;
      put('opt-outs.csv', 'member,scope,reason', row('everything'));
      await imported('opt-outs', 'opt-outs.csv');
      const refused = readFileSync(at('opt-outs.refused.csv'), 'utf8');
      // As a spreadsheet splits it in any language.
      const cells = refused.split(/[,;\t\r\n]/).map((text) => text.replace(/^"+/, ''));
      expect(cells.filter((text) => /^[=+\-@＝＋－＠]/.test(text))).toEqual([]);

      put('right.csv', 'member,scope,reason', row('global'));
      writeFileSync(at('corrected.csv'), refused.replace('everything', 'global'));
      for (const name of ['right.csv', 'corrected.csv'])
        expect(await imported('opt-outs', name, '--time', '2026-01-01T00:00:00Z')).toMatchObject({ code: 0 });
      expect(platform.events.size).toBe(1);
    },
  );

  test('a header holds none either', async () => {
    put('opt-outs.csv', 'member,scope,=cmd|x', 'm-1,everything,a');
    await imported('opt-outs', 'opt-outs.csv');
    expect(readFileSync(at('opt-outs.refused.csv'), 'utf8')).toBe("member,scope,'=cmd|x\nm-1,everything,a\n");
  });

  test('an outcome file that is a symbolic link is refused before anything is sent', async () => {
    put('precious', 'precious');
    symlinkSync(at('precious'), at('opt-outs.outcomes.ndjson'));
    put('opt-outs.csv', 'member', 'm-1');
    expect(await imported('opt-outs', 'opt-outs.csv')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('opt-outs.outcomes.ndjson is a symbolic link') as string,
    });
    expect([platform.count, readFileSync(at('precious'), 'utf8')]).toEqual([0, 'precious\n']);
  });

  test('a link in the place of the refused rows is left alone, also if it leads nowhere', async () => {
    symlinkSync(at('nothing'), at('opt-outs.refused.csv'));
    put('opt-outs.csv', 'member,scope', 'm-1,everything');
    await imported('opt-outs', 'opt-outs.csv');
    expect([existsSync(at('nothing')), existsSync(at('opt-outs.refused-2.csv'))]).toEqual([false, true]);
  });
});
