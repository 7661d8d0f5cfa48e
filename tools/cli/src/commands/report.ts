import { createWriteStream, type WriteStream } from 'node:fs';
import { publish, type PublishReport } from '../client/publish.ts';
import type { Item } from '../client/sources.ts';
import type { Context } from '../context.ts';
import { CliError, countLines, EXIT } from '../output.ts';

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

/** Publishes items, prints the report, and sets the exit code. */
export async function publishAll(
  context: Context,
  items: AsyncIterable<Item> | Iterable<Item>,
  explain?: string,
): Promise<void> {
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
