import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { positiveInteger } from '../commands/generate.ts';
import { CliError, createOutput, EXIT, table } from '../output.ts';
import { runDemo, type DemoReport } from './scenario.ts';
import { createSteps } from './steps.ts';

function closing(report: DemoReport): string[] {
  const { verification: v } = report;
  const row = (what: string, expected: string | number, found: string | number): string[] => [
    what,
    String(expected),
    String(found),
  ];
  return table(
    ['', 'expected', 'found'],
    [
      row('members', v.membersExpected, v.membersFound),
      row('resources', v.resourcesExpected, v.resourcesFound),
      ...Object.entries(v.perType)
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([type, { expected, found }]) => row(`  ${type}`, expected, found)),
      row('supporting resources', '', v.supportingFound),
      row(`of the ${v.formerOptOuts.members} members who opted out before`, 0, v.formerOptOuts.found),
      row('of the member who left meanwhile', 0, v.optedOutFound),
      row('money elements', 0, v.moneyElements),
      row('attested members who matched', report.match.matched.expected, report.match.matched.found),
      row('attested people who did not', report.match.notMatched.expected, report.match.notMatched.found),
      row('members who left with the next roster', report.month.roster.left, report.month.roster.gone),
      row('letters to members', report.month.notices.expected, report.month.notices.found),
      row('broken events parked', report.deadLetters.expected, report.deadLetters.found),
      row('events/s to handled', '', Math.round(report.eventsPerSecond)),
      row('resources/s exported and downloaded', '', Math.round(report.resourcesPerSecond)),
      row('opt-out to effect', '', `${report.optedOut.effectiveMs.toFixed(0)} ms`),
      row('memory of the platform, at most', '', `${Math.round(report.peakMemoryMegabytes)} MB`),
      row('files', '', report.files),
    ],
  );
}

/** Where `npm start` shows its pages for people, unless PORT says otherwise. */
const PAGES = 'http://127.0.0.1:8080/portal/';

/** `npm run demo`. @returns the exit code: 1 for any mismatch with the ledger */
export async function demo(argv: readonly string[]): Promise<number> {
  const program = new Command('demo')
    .description('every step of a payer and a provider on synthetic data, checked against its ledger')
    .option('--members <n>', 'members', positiveInteger('--members'), 200)
    .option('--seed <s>', 'same seed, same payer', '1')
    .option('--report <file>', 'write the closing table as JSON')
    .option('--folder <dir>', 'data and files of this run; emptied first', '.demo')
    .exitOverride();
  try {
    program.parse([...argv], { from: 'user' });
    const options = program.opts<{ members: number; seed: string; report?: string; folder: string }>();
    const out = createOutput(false);
    const steps = createSteps(out, process.stderr.isTTY === true);
    const report = await runDemo({ ...options, out, steps });
    if (options.report !== undefined) writeFileSync(options.report, `${JSON.stringify(report, null, 2)}\n`);
    out.result(report, ['', ...closing(report), '']);
    for (const mismatch of report.mismatches) steps.bad(mismatch);
    if (report.mismatches.length > 0) return EXIT.refused;
    steps.good('what was downloaded is what the ledger says, and nothing else');
    const data = join(options.folder, 'data');
    out.note(`Open what it made: DATA_DIR=${data} npm start, then ${PAGES}`);
    out.note(`There, sign in with the token in ${join(data, 'administrator.token')}`);
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CliError)) throw error;
    process.stderr.write(`demo: ${error.message}\n`);
    return error.code;
  }
}
