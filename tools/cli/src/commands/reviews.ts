import { closeSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { contextOf, documentationOf } from '../context.ts';
import { table } from '../output.ts';
import { openOwn } from '../own-file.ts';
import { csvLine } from './lists.ts';

interface Review {
  readonly member: string;
  readonly consent: string;
  readonly states: string;
  readonly stated: string;
  readonly since: string;
  readonly reasons: readonly { readonly reason: string }[];
  readonly proof?: { readonly kind: string; readonly reference: string; readonly verifiedBy: string };
}
interface ReviewPage {
  readonly today: string;
  readonly ageOfMajority: number;
  readonly reviews: readonly Review[];
  readonly next?: string;
}
const HEADER = ['member', 'decision', 'stated', 'due since', 'reasons', 'proof', 'reference', 'verified by', 'consent'];
const rowOf = ({ member, states, stated, since, reasons, proof, consent }: Review): string[] => [
  member,
  states,
  stated,
  since,
  reasons.map(({ reason }) => reason).join(' '),
  proof?.kind ?? '',
  proof?.reference ?? '',
  proof?.verifiedBy ?? '',
  consent,
];
/** So many rows are printed. A file has them all. */
const SHOWN = 1000;

/** `pa reviews`: decisions of representatives that a person must look at again. */
export function reviewsCommand(program: Command): void {
  program
    .command('reviews')
    .description('list the decisions of representatives that are due for a review')
    .option('--out <file>', 'all rows as CSV, in a file that only you can read')
    .addHelpText(
      'after',
      ({ command }) => `
A decision is due when the authority of its representative has ended (authority-ended), and when the member may have
come of age since (of-age). The list changes nothing. What to do with it: ${documentationOf(command, 'opt-outs')}`,
    )
    .action(async (o: { out?: string }, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const token = administratorToken();
      const file = o.out === undefined ? undefined : openOwn(o.out);
      const shown: Review[] = [];
      let [count, today] = [0, ''];
      try {
        if (file !== undefined) writeSync(file, `${csvLine(HEADER)}\r\n`);
        let next: string | undefined = '/ops/reviews';
        while (next !== undefined) {
          const page: ReviewPage = await server.json<ReviewPage>(next, { token });
          if (file !== undefined) writeSync(file, page.reviews.map((row) => `${csvLine(rowOf(row))}\r\n`).join(''));
          shown.push(...page.reviews.slice(0, SHOWN - shown.length));
          count += page.reviews.length;
          ({ today, next } = { today: page.today, next: page.next });
        }
      } finally {
        if (file !== undefined) closeSync(file);
      }
      const summary = `${count} decisions of representatives are due for a review on ${today}`;
      if (o.out !== undefined) return out.result({ today, count, file: o.out }, [`${summary}: ${o.out}`]);
      out.result({ today, count, reviews: shown }, [
        ...(shown.length === 0 ? [] : table(HEADER, shown.map(rowOf))),
        ...(count > shown.length ? [`… ${count - shown.length} more: --out FILE has all rows`] : []),
        summary,
      ]);
    });
}
