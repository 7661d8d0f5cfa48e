import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { digestOfReport } from '@provider-access/domain/pdex/evidence';
import { eventually } from '@provider-access/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { cliPlatform } from './cli-platform.ts';
import { Clocks } from './clocks.ts';
import { publishTaken } from './payers.ts';
import { payerEvent } from './road.ts';

const clocks = new Clocks();
afterAll(() => clocks.dispose());
const { pa, at, platform } = cliPlatform(clocks.env);
/** This month in the payer's time zone, which is New York by default. */
const PERIOD = new Intl.DateTimeFormat('en-CA', { timeZone: 'America/New_York', year: 'numeric', month: '2-digit' })
  .formatToParts()
  .filter(({ type }) => type !== 'literal')
  .map(({ value }) => value)
  .join('-');

interface Page {
  readonly report: { readonly period: string; readonly figures: readonly { id: string; value?: number }[] };
  readonly signature: { readonly sha256: string };
}
const read = (name: string): string => readFileSync(at(name), 'utf8');

describe('pa evidence (R1 to R26)', () => {
  test('prints the month, keeps it as JSON and CSV, and verifies both', async () => {
    const member = 'm-evidence';
    await publishTaken(platform(), payerEvent('payer.member-opted-out.v1', member, {}));
    // An entry of the audit, so that the month is known.
    expect(await pa('disclosures', member)).toMatchObject({ code: 0 });
    await eventually(async () => {
      const { code, stdout } = await pa('--json', 'evidence', '--period', PERIOD);
      expect(code).toBe(0);
      const { report } = JSON.parse(stdout) as Page;
      expect(report.period).toBe(PERIOD);
      expect(report.figures.find(({ id }) => id === 'opt-outs-received')).toMatchObject({ state: 'exact', value: 1 });
    });
    const shown = await pa('evidence', '--period', PERIOD);
    expect(shown.stdout).toMatch(/Opt-outs received +1\b/);
    expect(shown.stdout).toMatch(/R17 +1 +opt-outs-received 1, /);

    for (const [file, ...more] of [['evidence.json'], ['evidence.csv', '--csv']] as const) {
      expect(await pa('evidence', '--period', PERIOD, '--out', file, ...more)).toMatchObject({ code: 0 });
      expect(statSync(at(file)).mode & 0o777).toBe(0o600);
      const verified = await pa('evidence', '--period', PERIOD, '--verify', file);
      expect(verified).toMatchObject({ code: 0 });
      expect(verified.stdout).toContain(`${file} is the report of ${PERIOD} that administrator got at`);
      expect(verified.stdout).toMatch(/is not sealed yet/);
    }
  });

  test('finds each change, also one with a hash that fits, and a file of another month', async () => {
    for (const [file, ...more] of [['a.json'], ['a.csv', '--csv']] as const)
      expect(await pa('evidence', '--out', file, ...more)).toMatchObject({ code: 0 });
    const changed: Record<string, string> = {
      'value.json': read('a.json').replace(/"value":\d+/, '"value":4711'),
      'value.csv': read('a.csv').replace(/,exact,\d+/, ',exact,4711'),
    };
    for (const [name, text] of Object.entries(changed)) {
      writeFileSync(at(name), text);
      expect(await pa('evidence', '--verify', name), name).toMatchObject({ code: 1 });
    }
    // Somebody who forges the file works out its hash anew. The audit does not have it.
    const forged = JSON.parse(changed['value.json']!) as Page;
    const whole = { ...forged, signature: { sha256: digestOfReport(forged.report) } };
    writeFileSync(at('forged.json'), JSON.stringify(whole));
    const { code, stderr } = await pa('evidence', '--verify', 'forged.json');
    expect([code, stderr]).toEqual([1, expect.stringContaining('The audit has no report with this hash')]);
    expect(await pa('evidence', '--verify', 'a.json', '--period', '2020-01')).toMatchObject({ code: 1 });
    expect(await pa('evidence', '--period', '2026-13')).toMatchObject({ code: 2 });
  });

  test('names the seal of the day of the entry, once that day is over', async () => {
    expect(await pa('evidence', '--period', PERIOD, '--out', 'sealed.json')).toMatchObject({ code: 0 });
    const { stdout } = await pa('--json', 'evidence', '--verify', 'sealed.json');
    const { day, sealed } = JSON.parse(stdout) as { readonly day: string; readonly sealed?: number };
    expect([new Date(`${day}T00:00:00Z`).getTime() <= Date.now(), sealed]).toEqual([true, undefined]);
    await clocks.set(platform().pid, 26 * 3_600_000);
    await eventually(async () => {
      const verified = await pa('evidence', '--period', PERIOD, '--verify', 'sealed.json');
      expect(verified.code).toBe(0);
      const seal = new RegExp(
        `Seal \\d+ of ${day} covers the entry of the audit, and the audit of this day is as it was`,
      );
      expect(verified.stdout).toMatch(seal);
    });
    writeFileSync(at('sealed.json'), read('sealed.json').replace('"complete":false', '"complete":true'));
    expect(await pa('evidence', '--verify', 'sealed.json')).toMatchObject({ code: 1 });
  });
});
