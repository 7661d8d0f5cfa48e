import type { Command } from 'commander';
import { contextOf } from '../context.ts';
import { id, instant, text } from '../options.ts';
import { CliError, EXIT } from '../output.ts';
import { type Timeline, timelineInWords } from './timeline.ts';

/** An answer of `GET /ops/explain/apps`. */
interface AppsOfMember {
  readonly member: string;
  readonly from: string;
  readonly to: string;
  readonly apps: readonly {
    readonly client: string;
    readonly name: string;
    readonly periods: readonly Period[];
    readonly unknown?: readonly Unknown[];
    readonly last: Last;
  }[];
  readonly others: readonly { readonly client: string; readonly name: string; readonly last: Last }[];
  readonly moreOthers: number;
  readonly unknown: readonly Unknown[];
}
/** The decision at the end of the period. */
type Last =
  | { readonly decision: 'permit'; readonly grounds: readonly Ground[] }
  | { readonly decision: 'deny'; readonly reason: string }
  | { readonly decision: 'unknown'; readonly unknownBefore: string };
interface Ground {
  readonly kind: 'attribution' | 'attestation';
  readonly providers: readonly string[];
  readonly from: string;
}
interface Period {
  readonly from: string;
  readonly to: string;
}
interface Unknown extends Period {
  readonly unknownBefore: string;
}
/** A line of `GET /ops/explain/members`. */
interface SeenMember {
  readonly member: string;
  readonly unknownBefore?: string;
}
/** The last line of it. */
interface Counted {
  readonly client: string;
  readonly at: string;
  readonly known: string;
  readonly members: number;
  readonly unknown: number;
  readonly unknownBefore?: string;
}

/** A list of a million members takes its time. */
const LIST_MS = 60 * 60_000;
const KNOWN = 'only what was recorded by then counts, or `now`';
const known = (value: string): string => (value === 'now' ? value : instant('--known')(value));
const asked = (values: object): URLSearchParams =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== undefined));
const notKnown = ({ from, to, unknownBefore }: Unknown): string =>
  `Not known from ${from} to ${to}: what was recorded before ${unknownBefore} is lost.`;

const groundInWords = ({ kind, providers, from }: Ground): string =>
  `${kind} of ${providers.join(' ').replaceAll('|', ' ')} since ${from}`;
const lastInWords = (last: Last): string =>
  last.decision === 'permit'
    ? `permitted by ${last.grounds.map(groundInWords).join(', ')}`
    : last.decision === 'deny'
      ? `denied (${last.reason})`
      : `not known before ${last.unknownBefore}`;

/** Lists about the past (APPS.md P17, docs/explain.md). */
export function explainListCommands(program: Command): void {
  program
    .command('explain-apps')
    .description('which apps could see this member in a period')
    .requiredOption('--member <id>', 'member id', id('--member'))
    .requiredOption('--from <instant>', 'the beginning of the period', instant('--from'))
    .option('--to <instant>', 'the end of the period (default: now)', instant('--to'))
    .option('--known <instant>', `${KNOWN} (default: what was known at each moment)`, known)
    .action(async (o: { member: string; from: string; to?: string; known?: string }, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const answer = await server.json<AppsOfMember>(`/ops/explain/apps?${asked(o)}`, {
        token: administratorToken(),
        timeoutMs: LIST_MS,
      });
      const { member, from, to, apps } = answer;
      out.result(answer, [
        `From ${from} to ${to}, ${countOf(apps.filter(({ periods }) => periods.length > 0).length, 'app')} could see ` +
          `member ${member}.`,
        ...apps.flatMap(({ client, name, periods, unknown = [], last }) => [
          ...periods.map((period) => `${client} (${name}): from ${period.from} to ${period.to}`),
          ...unknown.map((period) => `${client} (${name}): ${notKnown(period)}`),
          `${client} (${name}): at the end ${lastInWords(last)}`,
        ]),
        ...answer.others.map(({ client, name, last }) => `${client} (${name}): never, at the end ${lastInWords(last)}`),
        ...(answer.moreOthers > 0 ? [`${countOf(answer.moreOthers, 'more app')} of its providers could not.`] : []),
        ...answer.unknown.map(notKnown),
      ]);
    });
  program
    .command('explain-timeline')
    .description('what happened to this member in a period, and who got data')
    .requiredOption('--member <id>', 'member id', id('--member'))
    .requiredOption('--from <instant>', 'the beginning of the period', instant('--from'))
    .option('--to <instant>', 'the end of the period (default: now)', instant('--to'))
    .action(async (o: { member: string; from: string; to?: string }, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const answer = await server.json<Timeline>(`/ops/explain/timeline?${asked(o)}`, {
        token: administratorToken(),
        timeoutMs: LIST_MS,
      });
      out.result(answer, timelineInWords(answer));
    });
  program
    .command('explain-members')
    .description('which members this app could see at a moment')
    .requiredOption('--client <id>', 'as `pa apps list` names it', text('--client'))
    .option('--at <instant>', 'a moment of the past (default: now)', instant('--at'))
    .option('--known <instant>', `${KNOWN} (default: as --at)`, known)
    .action(async (o: { client: string; at?: string; known?: string }, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const answer = await server.call(`/ops/explain/members?${asked(o)}`, {
        token: administratorToken(),
        timeoutMs: LIST_MS,
      });
      const { members, counted } = listOf(answer.text);
      const { client, at, unknown, unknownBefore } = counted;
      const lost =
        unknownBefore === undefined
          ? `${countOf(unknown, 'more member')} of whom it is not known.`
          : `Not known: what was recorded before ${unknownBefore} is lost.`;
      out.result({ ...counted, list: members }, [
        ...members.map((one) => (one.unknownBefore === undefined ? one.member : `${one.member}: not known`)),
        `At ${at}, app ${client} could see ${countOf(counted.members, 'member')}.`,
        ...(unknown > 0 || unknownBefore !== undefined ? [lost] : []),
      ]);
    });
}

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** @throws CliError for an answer that broke off */
function listOf(answer: string): { readonly members: readonly SeenMember[]; readonly counted: Counted } {
  const lines = answer.split('\n').filter((line) => line !== '');
  const last = lines.pop();
  // A line that broke off is no JSON.
  const counted = last?.endsWith('}') === true ? (JSON.parse(last) as Partial<Counted>) : {};
  if (counted.members !== lines.length - (counted.unknown ?? 0))
    throw new CliError(EXIT.unavailable, 'the answer broke off before its count: repeat the command');
  return { members: lines.map((line) => JSON.parse(line) as SeenMember), counted: counted as Counted };
}
