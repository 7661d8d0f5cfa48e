import { createWriteStream, readFileSync, type WriteStream } from 'node:fs';
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { DomainEvent, PayerEventType } from '@provider-access/events';
import { awaitReceipt, publish, type PublishReport } from '../client/publish.ts';
import { readItems, type Item } from '../client/sources.ts';
import { deadLettersOf, itemOf } from '../client/steps.ts';
import { contextOf, type Context } from '../context.ts';
import { CliError, countLines, EXIT, table } from '../output.ts';

const SOURCE = 'urn:provider-access:pa';

function reportLines(report: PublishReport): string[] {
  const counts = Object.entries(report.outcomes)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([outcome, count]) => `${outcome} ${count}`);
  return [
    `${report.read} read · ${report.accepted} ` +
      `accepted${report.effective > 0 ? ` (${report.effective} effective)` : ''} · ${report.refused.length} refused ` +
      `· ${Math.round(report.accepted / Math.max(report.seconds, 0.001))} events/s to handled`,
    ...(counts.length > 0 ? [counts.join(' · ')] : []),
    ...countLines('elements that redaction removed', report.removed),
    ...countLines('conditional references that were not resolved', report.unresolved),
    ...countLines('references to types that are not served', report.dangling.notServed),
    ...countLines('references to care before the date floor', report.dangling.beforeFloor),
    ...report.withoutEffect.slice(0, 20).map((w) => `${w.status} ${w.event}: ${w.why}`),
    ...report.refused.slice(0, 20).map((r) => `refused ${r.place}: ${r.reason}`),
    ...report.parked.slice(0, 20).map((p) => `parked ${p.about}: ${p.reason} (${p.deadLetter})`),
    ...(report.refused.length + report.parked.length > 40 ? ['… more with --json'] : []),
  ];
}

/** @throws CliError when the file cannot be made */
function openFile(file: string): Promise<WriteStream> {
  return new Promise((resolve, reject) => {
    const stream = createWriteStream(file);
    stream.once('open', () => resolve(stream));
    stream.once('error', (error: NodeJS.ErrnoException) =>
      reject(new CliError(EXIT.usage, `${file} cannot be written (${error.code})`)),
    );
  });
}

async function run(context: Context, items: AsyncIterable<Item> | Iterable<Item>, explain?: string): Promise<void> {
  const progress = context.out.progress('publishing');
  let rows: WriteStream | undefined;
  if (explain !== undefined) rows = await openFile(explain);
  const report = await publish(items, {
    server: context.server,
    token: context.payerToken(),
    onProgress: (r) =>
      progress.update(
        `${r.accepted} accepted, ${Object.values(r.outcomes).reduce((a, b) => a + b, 0)} handled, ` +
          `${r.refused.length} refused`,
      ),
    ...(rows !== undefined && { onExplained: (row) => void rows.write(`${JSON.stringify(row)}\n`) }),
  });
  if (rows !== undefined) await new Promise((resolve) => rows.end(resolve));
  progress.done(`${report.accepted} accepted in ${report.seconds.toFixed(1)} s`);
  context.out.result(report, reportLines(report));
  if (report.refused.length > 0 || report.parked.length > 0 || (report.outcomes['parked'] ?? 0) > 0)
    process.exitCode = EXIT.refused;
  else if ((report.outcomes['pending'] ?? 0) > 0) process.exitCode = EXIT.unavailable;
}

const single = (type: PayerEventType, subject: string, data: Record<string, unknown>): Item[] => {
  const event: DomainEvent = {
    id: randomUUID(),
    source: SOURCE,
    type,
    time: new Date().toISOString(),
    subject,
    data: JSON.parse(JSON.stringify(data)) as unknown,
  };
  return [itemOf(event)];
};
/** An option that may not be empty or blank: an empty subject would become a dead letter. */
const text =
  (name: string) =>
  (value: string): string => {
    if (value.trim() === '') throw new CliError(EXIT.usage, `${name} is empty`);
    return value;
  };
const texts =
  (name: string) =>
  (value: string, before: string[] = []): string[] => [...before, text(name)(value)];
const oneOf =
  (name: string, ...allowed: readonly string[]) =>
  (value: string): string => {
    if (!allowed.includes(value)) throw new CliError(EXIT.usage, `${name} is one of ${allowed.join(', ')}`);
    return value;
  };
const instant =
  (name: string) =>
  (value: string): string => {
    if (Number.isNaN(Date.parse(value)))
      throw new CliError(EXIT.usage, `${name} must be an RFC 3339 instant, such as 2026-01-31T10:00:00Z`);
    return new Date(value).toISOString();
  };
const SETTERS = ['member', 'personal-representative', 'payer'] as const;

interface ProviderOptions {
  readonly npi?: string;
  readonly tin?: string;
  readonly contract?: string;
}
function providerOf(options: ProviderOptions): ProviderOptions {
  if (options.npi === undefined && options.tin === undefined)
    throw new CliError(EXIT.usage, 'name the provider: --npi or --tin');
  return {
    ...(options.npi !== undefined && { npi: options.npi }),
    ...(options.tin !== undefined && { tin: options.tin }),
    ...(options.contract !== undefined && { contract: options.contract }),
  };
}

/** The commands of a payer's integration engineer. */
export function payerCommands(program: Command): void {
  program
    .command('publish')
    .argument('<path>', 'file, folder or - : CloudEvents or FHIR resources as NDJSON, Bundles, JSON; .gz too')
    .description('publish events; FHIR resources are wrapped as events; waits and says what became of each')
    .option('--source <uri>', 'source of wrapped resources', SOURCE)
    .option('--time <instant>', 'business time of resources without meta.lastUpdated (default: now)', instant('--time'))
    .option('--explain <file>', 'write one row an event (NDJSON): outcome and reason')
    .action(async (path: string, options: { source: string; time?: string; explain?: string }, command: Command) => {
      await run(
        contextOf(command),
        readItems(path, options.source, options.time ?? new Date().toISOString()),
        options.explain,
      );
    });

  program
    .command('opt-out')
    .description('publish that a member opted out; says when it is effective, or what stands against it')
    .requiredOption('--member <id>', 'member id', text('--member'))
    .option('--scope <scope>', 'PDex opt-out scope', 'global')
    .option('--npi <npi...>', 'providers, for --scope provider-specific')
    .option('--by <who>', SETTERS.join(' | '), oneOf('--by', ...SETTERS), 'member')
    .option('--channel <text>')
    .action(
      async (o: { member: string; scope: string; npi?: string[]; by: string; channel?: string }, command: Command) =>
        run(
          contextOf(command),
          single('payer.member-opted-out.v1', o.member, {
            scope: o.scope,
            targets: o.npi?.map((npi) => ({ npi })),
            setBy: o.by,
            channel: o.channel,
          }),
        ),
    );
  program
    .command('opt-in')
    .description('publish that a member opted back in')
    .requiredOption('--member <id>', 'member id', text('--member'))
    .option('--by <who>', SETTERS.join(' | '), oneOf('--by', ...SETTERS), 'member')
    .option('--channel <text>')
    .action(async (o: { member: string; by: string; channel?: string }, command: Command) =>
      run(contextOf(command), single('payer.member-opted-in.v1', o.member, { setBy: o.by, channel: o.channel })),
    );

  program
    .command('attribute')
    .description('publish that members are attributed to a provider')
    .requiredOption('--member <id...>', 'member ids', texts('--member'))
    .option('--npi <npi>')
    .option('--tin <tin>')
    .option('--contract <id>')
    .option('--from <date>', 'first day or instant', new Date().toISOString())
    .option('--to <date>', 'last day')
    .option('--basis <text>')
    .action(
      async (o: ProviderOptions & { member: string[]; from: string; to?: string; basis?: string }, command: Command) =>
        run(
          contextOf(command),
          o.member.flatMap((member) =>
            single('payer.attribution-asserted.v1', member, {
              provider: providerOf(o),
              from: o.from,
              to: o.to,
              basis: o.basis,
            }),
          ),
        ),
    );
  program
    .command('unattribute')
    .description('publish that an attribution ended')
    .requiredOption('--member <id...>', 'member ids', texts('--member'))
    .option('--npi <npi>')
    .option('--tin <tin>')
    .option('--contract <id>')
    .option('--to <date>', 'last day or instant', new Date().toISOString())
    .action(async (o: ProviderOptions & { member: string[]; to: string }, command: Command) =>
      run(
        contextOf(command),
        o.member.flatMap((member) =>
          single('payer.attribution-ended.v1', member, { provider: providerOf(o), to: o.to }),
        ),
      ),
    );
  program
    .command('network')
    .description('publish that a provider joined or left the network')
    .option('--npi <npi>')
    .option('--tin <tin>')
    .requiredOption(
      '--status <status>',
      'in-network | out-of-network',
      oneOf('--status', 'in-network', 'out-of-network'),
    )
    .option('--from <date>', 'first day or instant', '2000-01-01')
    .action(async (o: ProviderOptions & { status: string; from: string }, command: Command) => {
      const { npi, tin } = providerOf(o);
      await run(
        contextOf(command),
        single('payer.network-status-changed.v1', npi ?? tin ?? '', { npi, tin, status: o.status, from: o.from }),
      );
    });

  const letters = program.command('dead-letters').description('parked events: why, and what to do with them');
  letters
    .command('list')
    .description('oldest first')
    .option(
      '--status <status>',
      'open | replayed | discarded',
      oneOf('--status', 'open', 'replayed', 'discarded'),
      'open',
    )
    .action(async (o: { status: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const all = await deadLettersOf(server, payerToken(), o.status);
      out.result(
        all,
        all.length === 0
          ? [`no ${o.status} dead letters`]
          : table(
              ['id', 'reason', 'type', 'parked at'],
              all.map((l) => [l.id, l.reason, l.eventType ?? '', l.parkedAt]),
            ),
      );
    });
  letters
    .command('show')
    .description('with the original event, which may be PHI')
    .argument('<id>')
    .action(async (id: string, _o: unknown, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const letter = await server.json<unknown>(`/events/dead-letters/${encodeURIComponent(id)}`, {
        token: payerToken(),
      });
      out.result(letter, JSON.stringify(letter, null, 2).split('\n'));
    });
  letters
    .command('replay')
    .argument('<id>')
    .option('--with <file>', 'the corrected event (or its data) as JSON; the original stays')
    .description('hand the event to intake again; says what became of it')
    .action(async (id: string, o: { with?: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const token = payerToken();
      const body = o.with === undefined ? undefined : readCorrection(o.with);
      const answer = await server.json<{ receipt: string; event: string }>(
        `/events/dead-letters/${encodeURIComponent(id)}/replay`,
        { method: 'POST', token, ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }) },
      );
      const { counts, items } = await awaitReceipt(server, token, answer.receipt, 1);
      const [item] = items;
      const outcome = item?.outcome ?? Object.keys(counts)[0] ?? 'pending';
      const why = [item?.reason, item?.deadLetter].filter((part) => part !== undefined).join(', ');
      out.result(
        {
          ...answer,
          outcome,
          ...(item?.reason !== undefined && { reason: item.reason }),
          ...(item?.deadLetter !== undefined && { deadLetter: item.deadLetter }),
        },
        [`replayed ${id}: ${outcome}${why === '' ? '' : ` (${why})`}`],
      );
      if (outcome === 'parked') process.exitCode = EXIT.refused;
      if (outcome === 'pending') process.exitCode = EXIT.unavailable;
    });
  letters
    .command('discard')
    .description('give an event up; it stays readable')
    .argument('<id>')
    .requiredOption('--reason <text>', 'why', text('--reason'))
    .action(async (id: string, o: { reason: string }, command: Command) => {
      const { server, out, payerToken } = contextOf(command);
      const answer = await server.post<unknown>(
        `/events/dead-letters/${encodeURIComponent(id)}/discard`,
        { reason: o.reason },
        { token: payerToken() },
      );
      out.result(answer, [`discarded ${id}`]);
    });
}

function readCorrection(file: string): string {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(EXIT.usage, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    JSON.parse(content);
  } catch {
    throw new CliError(EXIT.usage, `${file} is not JSON`);
  }
  return content;
}
