import { createWriteStream, type WriteStream } from 'node:fs';
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { toStructured, type DomainEvent, type PayerEventType } from '@provider-access/events';
import { publish, type PublishReport } from '../client/publish.ts';
import { readItems, type Item } from '../client/sources.ts';
import { contextOf, type Context } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';

const SOURCE = 'urn:provider-access:pa';

function reportLines(report: PublishReport): string[] {
  const counts = Object.entries(report.outcomes).sort(([a], [b]) => a.localeCompare(b)).map(([outcome, count]) => `${outcome} ${count}`);
  return [
    `${report.read} read · ${report.accepted} accepted${report.effective > 0 ? ` (${report.effective} effective)` : ''} · ${report.refused.length} refused · ${Math.round(report.accepted / Math.max(report.seconds, 0.001))} events/s to handled`,
    ...(counts.length > 0 ? [counts.join(' · ')] : []),
    ...report.refused.slice(0, 20).map((r) => `refused ${r.place}: ${r.reason}`),
    ...report.parked.slice(0, 20).map((p) => `parked ${p.about}: ${p.reason} (${p.deadLetter})`),
    ...(report.refused.length + report.parked.length > 40 ? ['… more with --json'] : []),
  ];
}

async function run(context: Context, items: AsyncIterable<Item> | Iterable<Item>, explain?: string): Promise<void> {
  const progress = context.out.progress('publishing');
  let rows: WriteStream | undefined;
  if (explain !== undefined) rows = createWriteStream(explain);
  const report = await publish(items, {
    server: context.server, token: context.payerToken(),
    onProgress: (r) => progress.update(`${r.accepted} accepted, ${Object.values(r.outcomes).reduce((a, b) => a + b, 0)} handled, ${r.refused.length} refused`),
    ...(rows !== undefined && { onExplained: (row) => void rows.write(`${JSON.stringify(row)}\n`) }),
  });
  if (rows !== undefined) await new Promise((resolve) => rows.end(resolve));
  progress.done(`${report.accepted} accepted in ${report.seconds.toFixed(1)} s`);
  context.out.result(report, reportLines(report));
  if (report.refused.length > 0 || report.parked.length > 0 || (report.outcomes['parked'] ?? 0) > 0) process.exitCode = EXIT.refused;
  else if ((report.outcomes['pending'] ?? 0) > 0) process.exitCode = EXIT.unavailable;
}

const single = (type: PayerEventType, subject: string, data: Record<string, unknown>): Item[] => {
  const event: DomainEvent = { id: randomUUID(), source: SOURCE, type, time: new Date().toISOString(), subject, data: JSON.parse(JSON.stringify(data)) as unknown };
  return [{ ok: true, line: JSON.stringify(toStructured(event)), event: event.id, about: type }];
};
const today = (): string => new Date().toISOString().slice(0, 10);

interface ProviderOptions { readonly npi?: string; readonly tin?: string; readonly contract?: string }
function providerOf(options: ProviderOptions): ProviderOptions {
  if (options.npi === undefined && options.tin === undefined) throw new CliError(EXIT.usage, 'name the provider: --npi or --tin');
  return { ...(options.npi !== undefined && { npi: options.npi }), ...(options.tin !== undefined && { tin: options.tin }), ...(options.contract !== undefined && { contract: options.contract }) };
}

/** What a payer's integration engineer does. */
export function payerCommands(program: Command): void {
  program.command('publish').argument('<path>', 'file, folder or - : CloudEvents or FHIR resources as NDJSON, Bundles, JSON; .gz too')
    .description('publish events; FHIR resources are wrapped as events; waits and says what became of each')
    .option('--source <uri>', 'source of wrapped resources', SOURCE)
    .option('--time <instant>', 'business time of resources without meta.lastUpdated', new Date().toISOString())
    .option('--explain <file>', 'write one row an event (NDJSON): outcome and reason')
    .action(async (path: string, options: { source: string; time: string; explain?: string }, command: Command) => {
      await run(contextOf(command), readItems(path, options.source, options.time), options.explain);
    });

  program.command('opt-out').description('publish that a member opted out; answers when it is effective')
    .requiredOption('--member <id>').option('--scope <scope>', 'PDex opt-out scope', 'global').option('--npi <npi...>', 'providers, for --scope provider-specific').option('--by <who>', 'member | personal-representative | payer', 'member').option('--channel <text>')
    .action(async (o: { member: string; scope: string; npi?: string[]; by: string; channel?: string }, command: Command) =>
      run(contextOf(command), single('payer.member-opted-out.v1', o.member, { scope: o.scope, targets: o.npi?.map((npi) => ({ npi })), setBy: o.by, channel: o.channel })));
  program.command('opt-in').description('publish that a member opted back in').requiredOption('--member <id>').option('--by <who>', 'member | personal-representative | payer', 'member').option('--channel <text>')
    .action(async (o: { member: string; by: string; channel?: string }, command: Command) => run(contextOf(command), single('payer.member-opted-in.v1', o.member, { setBy: o.by, channel: o.channel })));

  program.command('attribute').description('publish that members are attributed to a provider')
    .requiredOption('--member <id...>').option('--npi <npi>').option('--tin <tin>').option('--contract <id>').option('--from <date>', 'first day', today()).option('--to <date>', 'last day').option('--basis <text>')
    .action(async (o: ProviderOptions & { member: string[]; from: string; to?: string; basis?: string }, command: Command) =>
      run(contextOf(command), o.member.flatMap((member) => single('payer.attribution-asserted.v1', member, { provider: providerOf(o), from: o.from, to: o.to, basis: o.basis }))));
  program.command('unattribute').description('publish that an attribution ended').requiredOption('--member <id...>').option('--npi <npi>').option('--tin <tin>').option('--contract <id>').option('--to <date>', 'last day or instant', new Date().toISOString())
    .action(async (o: ProviderOptions & { member: string[]; to: string }, command: Command) =>
      run(contextOf(command), o.member.flatMap((member) => single('payer.attribution-ended.v1', member, { provider: providerOf(o), to: o.to }))));
  program.command('network').description('publish that a provider joined or left the network').option('--npi <npi>').option('--tin <tin>').requiredOption('--status <status>', 'in-network | out-of-network').option('--from <date>', 'first day or instant', '2000-01-01')
    .action(async (o: ProviderOptions & { status: string; from: string }, command: Command) => {
      const { npi, tin } = providerOf(o);
      await run(contextOf(command), single('payer.network-status-changed.v1', npi ?? tin ?? '', { npi, tin, status: o.status, from: o.from }));
    });

  const letters = program.command('dead-letters').description('parked events: why, and what to do with them');
  interface Letter { readonly id: string; readonly status: string; readonly reason: string; readonly topic: string; readonly eventType?: string; readonly parkedAt: string; readonly detail: string }
  letters.command('list').option('--status <status>', 'open | replayed | discarded', 'open').action(async (o: { status: string }, command: Command) => {
    const { server, out, payerToken } = contextOf(command);
    const all: Letter[] = [];
    let cursor: string | undefined;
    do {
      const page = await server.json<{ deadLetters: Letter[]; next?: string }>(`/events/dead-letters?${new URLSearchParams({ status: o.status, ...(cursor !== undefined && { cursor }) })}`, { token: payerToken() });
      all.push(...page.deadLetters);
      cursor = page.next;
    } while (cursor !== undefined);
    out.result(all, all.length === 0 ? [`no ${o.status} dead letters`] : table(['id', 'reason', 'type', 'parked at'], all.map((l) => [l.id, l.reason, l.eventType ?? '', l.parkedAt])));
  });
  letters.command('show').argument('<id>').action(async (id: string, _o: unknown, command: Command) => {
    const { server, out, payerToken } = contextOf(command);
    const letter = await server.json<unknown>(`/events/dead-letters/${encodeURIComponent(id)}`, { token: payerToken() });
    out.result(letter, JSON.stringify(letter, null, 2).split('\n'));
  });
  letters.command('replay').argument('<id>').option('--with <file>', 'the corrected event (or its data) as JSON; the original stays').description('hand the event to intake again').action(async (id: string, o: { with?: string }, command: Command) => {
    const { server, out, payerToken } = contextOf(command);
    const { readFileSync } = await import('node:fs');
    const answer = await server.json<unknown>(`/events/dead-letters/${encodeURIComponent(id)}/replay`, { method: 'POST', token: payerToken(), ...(o.with !== undefined && { body: readFileSync(o.with, 'utf8'), headers: { 'content-type': 'application/json' } }) });
    out.result(answer, [`replayed ${id}`]);
  });
  letters.command('discard').argument('<id>').requiredOption('--reason <text>').action(async (id: string, o: { reason: string }, command: Command) => {
    const { server, out, payerToken } = contextOf(command);
    const answer = await server.post<unknown>(`/events/dead-letters/${encodeURIComponent(id)}/discard`, { reason: o.reason }, { token: payerToken() });
    out.result(answer, [`discarded ${id}`]);
  });
}
