import { createWriteStream, type WriteStream } from 'node:fs';
import { inParallel } from '../client/parallel.ts';
import { publish, type PublishReport } from '../client/publish.ts';
import type { Item } from '../client/sources.ts';
import type { Context } from '../context.ts';
import { afterInterrupt, PUBLISH_STOPPED } from '../interrupt.ts';
import { countLines, EXIT, table } from '../output.ts';
import { openOwn } from '../own-file.ts';

const SHOWN = 20;

/** Sentences first, then tables. */
function reportLines(report: PublishReport, hints: readonly string[]): string[] {
  const counts = Object.entries(report.outcomes)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([outcome, count]) => `${count} ${outcome}`);
  const rest = report.refused.length + report.parked.length > 2 * SHOWN ? ['… more with --json'] : [];
  return [
    `${report.read} read, ${report.accepted} accepted${counts.length > 0 ? ` (${counts.join(', ')})` : ''}, ` +
      `${report.refused.length} refused.`,
    ...(report.effective > 0
      ? [`${report.effective} of them ${report.effective === 1 ? 'decides' : 'decide'} now (effective).`]
      : []),
    ...report.withoutEffect.slice(0, SHOWN).map((w) => `Event ${w.event} is ${w.status}: ${w.why}.`),
    ...hints,
    ...listed(
      'refused',
      ['place', 'reason'],
      report.refused.slice(0, SHOWN).map((r) => [r.place, r.reason]),
    ),
    ...listed(
      'parked',
      ['what', 'reason', 'dead letter', 'detail'],
      report.parked.slice(0, SHOWN).map((p) => [p.about, p.reason, p.deadLetter, p.detail ?? '']),
    ),
    ...rest,
    ...countLines('elements that redaction removed', report.removed),
    ...countLines('references, URLs of attachments and products without a code that lead nowhere', report.unresolved),
    ...countLines('what resources lack of profiles that they declare', report.lacks),
    ...countLines('security labels that the policy does not know', report.unknownLabels),
    ...countLines('resources that are withheld because of a code of a list', report.withheldTags),
    ...countLines('references to types that are not served', report.dangling.notServed),
    ...countLines('references to care before the date floor', report.dangling.beforeFloor),
  ];
}
const listed = (what: string, header: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  rows.length === 0 ? [] : [`${what}:`, ...table(header, rows).map((line) => `  ${line}`)];

/** Resources that payers send to say what only events say. */
const INSTEAD: Readonly<Record<string, string>> = {
  Group:
    'The platform forms Groups by itself. Publish payer.attribution-asserted.v1 for each member instead: ' +
    '`pa attribute`, or `pa import roster`.',
  Consent:
    'A Consent that denies is an opt-out; one that permits ends nothing. Publish payer.member-opted-out.v1 and ' +
    'payer.member-opted-in.v1 instead: `pa opt-out`, `pa opt-in`, or `pa import opt-outs`.',
};

/** Counts the resources of `INSTEAD` on their way. */
class Hints {
  readonly #counts = new Map<string, number>();
  async *over(items: AsyncIterable<Item> | Iterable<Item>): AsyncGenerator<Item> {
    for await (const item of items) {
      const type = item.ok ? item.about.split('/')[0]! : '';
      if (INSTEAD[type] !== undefined) this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1);
      yield item;
    }
  }
  lines(): string[] {
    return [...this.#counts].map(
      ([type, count]) => `${count} ${type} ${count === 1 ? 'resource' : 'resources'}: ${INSTEAD[type]}`,
    );
  }
}

/** Adds what is wrong with the first parked events. The receipt has the reason only. */
async function addDetails({ server }: Context, token: string, report: PublishReport): Promise<void> {
  await inParallel(4, report.parked.slice(0, SHOWN), async (parked) => {
    try {
      const path = `/events/dead-letters/${encodeURIComponent(parked.deadLetter)}`;
      parked.detail = (await server.json<{ detail: string }>(path, { token })).detail;
    } catch {
      // `pa dead-letters show` has the detail too.
    }
  });
}

interface PublishAll {
  /** A file for one row an event. */
  readonly explain?: string | undefined;
  /** What the report means for the command, before the counts. */
  readonly sentences?: ((report: PublishReport) => readonly string[]) | undefined;
}

/** Publishes items, prints the report, and sets the exit code. */
export async function publishAll(
  context: Context,
  items: AsyncIterable<Item> | Iterable<Item>,
  { explain, sentences }: PublishAll = {},
): Promise<void> {
  afterInterrupt(PUBLISH_STOPPED);
  const progress = context.out.progress('publishing');
  let rows: WriteStream | undefined;
  if (explain !== undefined) rows = createWriteStream(explain, { fd: openOwn(explain) });
  const token = context.payerToken();
  const hints = new Hints();
  const report = await publish(hints.over(items), {
    server: context.server,
    token,
    onProgress: (r) =>
      progress.update(
        `${r.accepted} accepted, ${Object.values(r.outcomes).reduce((a, b) => a + b, 0)} handled, ` +
          `${r.refused.length} refused`,
      ),
    ...(rows !== undefined && { onExplained: (row) => void rows.write(`${JSON.stringify(row)}\n`) }),
  });
  if (rows !== undefined) await new Promise((resolve) => rows.end(resolve));
  progress.done(`${report.accepted} accepted in ${report.seconds.toFixed(1)} s`);
  await addDetails(context, token, report);
  const lines = hints.lines();
  context.out.result({ ...report, ...(lines.length > 0 && { hints: lines }) }, [
    ...(sentences?.(report) ?? []),
    ...reportLines(report, lines),
  ]);
  if (report.refused.length > 0 || report.parked.length > 0 || (report.outcomes['parked'] ?? 0) > 0)
    process.exitCode = EXIT.refused;
  else if ((report.outcomes['pending'] ?? 0) > 0) process.exitCode = EXIT.unavailable;
}
