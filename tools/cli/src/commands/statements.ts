import type { Command } from 'commander';
import { OPT_OUT_SCOPES, PAYER_EVENTS } from '@provider-access/events';
import { isKnown } from '../client/known-member.ts';
import { inParallel } from '../client/parallel.ts';
import type { PublishReport } from '../client/publish.ts';
import { eventOf, faultsOf, type Statement } from '@provider-access/full-files';
import { itemOf } from '../client/steps.ts';
import { contextOf } from '../context.ts';
import { CliError, EXIT } from '../output.ts';
import { day, id, ids, npi, npis, oneOf, text, tin, tins } from '../options.ts';
import { publishAll } from './report.ts';

const SETTERS = PAYER_EVENTS['payer.member-opted-out.v2'].schema.shape.setBy.unwrap().options;
/** Names of attributes as the command line spells them. */
const OPTIONS: Readonly<Record<string, string>> = {
  subject: '--member',
  targets: '--npi or --tin',
  purposes: '--purpose',
  payers: '--payer',
  categories: '--category',
  coverageId: '--coverage',
  effectiveFrom: '--from',
  setBy: '--by',
};
const UNKNOWN = 'no coverage, attribution or opt-out of this id is stored';
const CHECKED_AT_ONCE = 4;
/** Ids in one sentence. */
const SHOWN = 5;

interface Checks {
  readonly force?: boolean | undefined;
  /** What happens if the platform does not know the member: default nothing. */
  readonly unknown?: 'refuse' | 'warn';
  readonly sentences?: (report: PublishReport) => readonly string[];
}

/** Publishes statements after the checks that need no server, and asks the server whether it knows the members. */
async function state(command: Command, statements: readonly Statement[], checks: Checks = {}): Promise<void> {
  const events = statements.map((statement) => eventOf(statement));
  const faults = events.flatMap((event) => faultsOf(event));
  if (faults.length > 0)
    throw new CliError(
      EXIT.usage,
      [
        ...new Set(
          faults.map(({ path, text: fault }) => `${OPTIONS[path] ?? `--${path.split('.').at(-1)}`}: ${fault}`),
        ),
      ].join('\n'),
    );
  const context = contextOf(command);
  if (checks.unknown !== undefined && checks.force !== true) {
    const token = context.administratorTokenIfAny();
    const unknown: string[] = [];
    await inParallel(CHECKED_AT_ONCE, [...new Set(statements.map(({ subject }) => subject))], async (member) => {
      if ((await isKnown(context.server, token, member)) === false) unknown.push(member);
    });
    if (unknown.length > 0) {
      const more = unknown.length > SHOWN ? ` and ${unknown.length - SHOWN} more` : '';
      const who = `Member ${unknown.slice(0, SHOWN).join(', ')}${more}`;
      if (checks.unknown === 'refuse')
        throw new CliError(EXIT.refused, `${who}: ${UNKNOWN}. Nothing was published. Check the id, or add --force.`);
      context.out.note(
        `${who}: ${UNKNOWN}. The opt-out is stored and applies as soon as the member appears. Check the id.`,
      );
    }
  }
  await publishAll(
    context,
    events.map((event) => ({ ...itemOf(event), about: `${event.type} of ${event.subject}` })),
    { sentences: checks.sentences },
  );
}

interface ProviderOptions {
  readonly npi?: string;
  readonly tin?: string;
  readonly contract?: string;
}
function providerOf({ npi: ofNpi, tin: ofTin, contract }: ProviderOptions): ProviderOptions {
  if (ofNpi === undefined && ofTin === undefined) throw new CliError(EXIT.usage, 'name the provider: --npi or --tin');
  return {
    ...(ofNpi !== undefined && { npi: ofNpi }),
    ...(ofTin !== undefined && { tin: ofTin }),
    ...(contract !== undefined && { contract }),
  };
}
const FORCE = ['--force', 'also for a member of whom the platform knows nothing'] as const;
const providerOptions = (command: Command): Command =>
  command.option('--npi <npi>', 'of the provider', npi).option('--tin <tin>', 'of the provider', tin);

interface ChoiceOptions {
  readonly member: string;
  readonly npi?: string[];
  readonly tin?: string[];
  readonly from?: string;
  readonly by: string;
  readonly channel?: string;
  readonly reason?: string;
  readonly proof?: string;
}
/** What an opt-out and an opt-in have in common. */
function choiceOf(o: ChoiceOptions): Readonly<Record<string, unknown>> {
  const targets = [...(o.npi ?? []).map((one) => ({ npi: one })), ...(o.tin ?? []).map((one) => ({ tin: one }))];
  return {
    targets: targets.length === 0 ? undefined : targets,
    effectiveFrom: o.from,
    setBy: o.by,
    channel: o.channel,
    reason: o.reason,
    proof: o.proof === undefined ? undefined : proofOf(o.proof),
  };
}
/** `power-of-attorney,case 4711,call centre,2027-06-30` */
function proofOf(written: string): object {
  const [kind, reference, verifiedBy, until] = written.split(',').map((part) => part.trim());
  return { kind, reference, verifiedBy, until };
}
const choiceOptions = (command: Command): Command =>
  command
    .option('--from <day>', 'first day or instant (default: now)', day('--from'))
    .option('--by <who>', SETTERS.join(' | '), oneOf('--by', ...SETTERS), 'member')
    .option('--proof <text>', 'of a representative: kind, reference, who verified it[, until], with commas')
    .option('--channel <text>', 'such as phone')
    .option('--reason <reason>', 'a code of PDex, such as privacy-concern, or a text');

function consentCommands(program: Command): void {
  choiceOptions(
    program
      .command('opt-out')
      .description('publish that a member opted out; says when it is effective, or what stands against it')
      .requiredOption('--member <id>', 'member id', id('--member'))
      .option(
        '--scope <scope>',
        `PDex opt-out scope: ${OPT_OUT_SCOPES.join(' | ')}`,
        oneOf('--scope', ...OPT_OUT_SCOPES),
        'global',
      )
      .option('--npi <npi...>', 'providers, for --scope provider-specific', npis)
      .option('--tin <tin...>', 'providers, for --scope provider-specific', tins)
      .option('--purpose <code...>', 'purposes of use, for --scope purpose-specific')
      .option('--payer <id...>', 'payers (system|value), for --scope payer-specific')
      .option('--category <code...>', 'codes of the NUCC taxonomy, for --scope provider-category'),
  ).action(
    (
      o: ChoiceOptions & { scope: string; purpose?: string[]; payer?: string[]; category?: string[] },
      command: Command,
    ) => {
      const data = { scope: o.scope, purposes: o.purpose, payers: o.payer, categories: o.category, ...choiceOf(o) };
      return state(command, [{ type: 'payer.member-opted-out.v2', subject: o.member, data }], {
        unknown: 'warn',
        sentences: ({ effective, barsNobody }) => {
          if (effective !== 1) return [];
          if (barsNobody === 1 && o.scope !== 'global')
            return [`The opt-out of ${o.member} is stored. It bars none of the providers who may see this member now.`];
          return [`${o.member} is opted out. ${WHO_SEES[o.scope] ?? 'No provider sees'} this member from now on.`];
        },
      });
    },
  );
  choiceOptions(
    program
      .command('opt-in')
      .description('publish that a member opted back in, for all or for some providers')
      .requiredOption('--member <id>', 'member id', id('--member'))
      .option('--npi <npi...>', 'only for these providers: opt-outs that name no provider stay', npis)
      .option('--tin <tin...>', 'only for these providers', tins),
  )
    .option(...FORCE)
    .action((o: ChoiceOptions & { force?: boolean }, command: Command) => {
      const choice = choiceOf(o);
      const data = { scope: choice['targets'] === undefined ? 'global' : 'provider-specific', ...choice };
      const statement = { type: 'payer.member-opted-in.v2', subject: o.member, data } as const;
      const who = choice['targets'] === undefined ? 'Providers see' : 'These providers see';
      return state(command, [statement], {
        unknown: 'refuse',
        force: o.force,
        sentences: ({ effective }) =>
          effective === 1
            ? [`${o.member} is opted in. ${who} this member again if coverage and attribution permit it.`]
            : [],
      });
    });
}
const WHO_SEES: Readonly<Record<string, string>> = {
  'provider-specific': 'None of these providers sees',
  'provider-category': 'No provider of these categories sees',
};

function attributionCommands(program: Command): void {
  providerOptions(program.command('attribute'))
    .description('publish that members are attributed to a provider')
    .requiredOption('--member <id...>', 'member ids', ids('--member'))
    .option('--contract <id>', 'of the provider', text('--contract'))
    .option('--from <day>', 'first day or instant (default: now)', day('--from'))
    .option('--to <day>', 'last day', day('--to'))
    .option('--basis <text>')
    .option(...FORCE)
    .action(
      (
        o: ProviderOptions & { member: string[]; from?: string; to?: string; basis?: string; force?: boolean },
        command: Command,
      ) => {
        const data = {
          provider: providerOf(o),
          from: o.from ?? new Date().toISOString(),
          to: o.to,
          basis: o.basis,
        };
        return state(
          command,
          o.member.map((subject) => ({ type: 'payer.attribution-asserted.v1', subject, data })),
          { unknown: 'refuse', force: o.force },
        );
      },
    );
  providerOptions(program.command('unattribute'))
    .description('publish that an attribution ended')
    .requiredOption('--member <id...>', 'member ids', ids('--member'))
    .option('--contract <id>', 'of the provider', text('--contract'))
    .option('--to <day>', 'last day or instant (default: now)', day('--to'))
    .option(...FORCE)
    .action((o: ProviderOptions & { member: string[]; to?: string; force?: boolean }, command: Command) => {
      const data = { provider: providerOf(o), to: o.to ?? new Date().toISOString() };
      return state(
        command,
        o.member.map((subject) => ({ type: 'payer.attribution-ended.v1', subject, data })),
        { unknown: 'refuse', force: o.force },
      );
    });
  providerOptions(program.command('network'))
    .description('publish that a provider joined or left the network')
    .requiredOption(
      '--status <status>',
      'in-network | out-of-network',
      oneOf('--status', 'in-network', 'out-of-network'),
    )
    .option('--from <day>', 'first day or instant', day('--from'), '2000-01-01')
    .action((o: ProviderOptions & { status: string; from: string }, command: Command) => {
      const provider = providerOf(o);
      const data = { npi: provider.npi, tin: provider.tin, status: o.status, from: o.from };
      const subject = provider.npi ?? provider.tin!;
      return state(command, [{ type: 'payer.network-status-changed.v1', subject, data }]);
    });
}

function coverageCommands(program: Command): void {
  program
    .command('enroll')
    .description('publish that a member has coverage')
    .requiredOption('--member <id>', 'member id', id('--member'))
    .requiredOption('--coverage <id>', 'id of the coverage in your system', id('--coverage'))
    .option('--from <day>', 'first day or instant (default: now)', day('--from'))
    .option('--to <day>', 'last day', day('--to'))
    .option('--plan <text>', 'name of the plan', text('--plan'))
    .action((o: { member: string; coverage: string; from?: string; to?: string; plan?: string }, command: Command) => {
      const data = { coverageId: o.coverage, from: o.from ?? new Date().toISOString(), to: o.to, plan: o.plan };
      return state(command, [{ type: 'payer.member-enrolled.v1', subject: o.member, data }]);
    });
  program
    .command('terminate')
    .description('publish that the coverage of a member ended')
    .requiredOption('--member <id>', 'member id', id('--member'))
    .option('--coverage <id>', 'which one (default: each coverage of the member)', id('--coverage'))
    .option('--to <day>', 'last day or instant (default: now)', day('--to'))
    .option(...FORCE)
    .action((o: { member: string; coverage?: string; to?: string; force?: boolean }, command: Command) => {
      const data = { coverageId: o.coverage, to: o.to ?? new Date().toISOString() };
      const statement = { type: 'payer.member-terminated.v1', subject: o.member, data } as const;
      return state(command, [statement], { unknown: 'refuse', force: o.force });
    });
}

/** Commands that state one fact of a payer: coverage, attribution, network, consent. */
export function statementCommands(program: Command): void {
  coverageCommands(program);
  consentCommands(program);
  attributionCommands(program);
}
