import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { DomainEvent, FileKind } from '@provider-access/events';
import { type AbsentOptOut, AbsentRows, marksOf } from './absent-rows.ts';
import { type Change, compareRows, textOf } from './compare.ts';
import { batchOf, eventOfRow, importedEvent, type Publication } from './events.ts';
import { FileFault } from './fault.ts';
import type { FileBytes } from './file-bytes.ts';
import { countingOf, type Holdings, type Imported } from './holdings.ts';
import { LineFile, linesOf } from './line-file.ts';
import { Lists } from './lists.ts';
import { alone, type Publish } from './publish.ts';
import { causesOf, type FullReport, numberOf, reasonOf, type ReportCause } from './report.ts';
import type { ImportFile } from './rows.ts';
import { readWholeFile } from './whole-file.ts';

/** A full file. */
export interface FullFile {
  readonly file: ImportFile;
  readonly kind: FileKind;
  readonly source: string;
  /** YYYY-MM-DD */
  readonly asOf: string;
  /** How many rows its sender says that it has. */
  readonly rows?: number;
  /** Gets each opt-out that the file lacks, and whose end nobody has confirmed. */
  readonly absent?: (one: AbsentOptOut) => void;
  /** A list of such opt-outs, in which a person has confirmed the end of some. */
  readonly ends?: FileBytes;
  /** The folder that gets the folder of sorted rows and changes; default: that of the system. */
  readonly folder?: string;
}
export interface Plan {
  readonly report: FullReport;
  /** Why the import needs a confirmation: what `report.reasons` says in English. */
  readonly causes: readonly ReportCause[];
  /** The last import of the source that counts. */
  readonly last: Imported | undefined;
  /** The events that make the platform hold what the file says. */
  events(time: string): AsyncIterable<DomainEvent>;
  close(): void;
}

/** Stands for the batch in a forecast, which is not known before the last row is read. */
const NO_BATCH = 'forecast';

/** The list that a row of a roster names, in the words of the forecast. */
function listOfKey(key: string): string {
  const parts = JSON.parse(key) as (string | null)[];
  const contract = parts.pop();
  return [...parts.toSorted(), ...(contract === null ? [] : [`contract ${contract}`])].join(' ');
}

/**
 * Compares a full file with what the platform holds of its source, and asks the platform what the difference would
 * change. It publishes nothing, and its memory does not grow with the file. Close the plan: it has files.
 * @throws FileFault if the file is cut, empty, faulty or older than the last one
 */
export async function planOf(
  { file, kind, source, asOf, rows, absent: keep, ends, folder }: FullFile,
  holdings: Holdings,
  onProgress: (text: string) => void = () => undefined,
): Promise<Plan> {
  const { name } = file.file;
  const imports = await holdings.allImports();
  const last = countingOf(imports).at(-1);
  if (last !== undefined && asOf < last.asOf)
    throw new FileFault(
      'refused',
      `${name} is of ${asOf}, and the last ${kind} file of ${source} was of ${last.asOf} (${last.batch}): an ` +
        'older file would take newer statements back. Nothing was imported.',
      { code: 'older', asOf, last: last.asOf, batch: last.batch },
    );
  const marks = ends === undefined ? new Map<string, number>() : await marksOf(ends);
  const whole = { source: file, ...(rows !== undefined && { rows }), ...(folder !== undefined && { folder }) };
  const sorted = await readWholeFile(whole, (count) => onProgress(`${count} rows read`));
  try {
    const changes = new LineFile(join(sorted.folder, 'changes.ndjson'));
    const lists = new Lists(holdings, kind);
    const absent = new AbsentRows(source, marks, keep);
    const digest = createHash('sha256');
    const forecast: Publication = {
      kind,
      file: { source, batch: NO_BATCH, asOf },
      time: new Date().toISOString(),
    };
    let compared = 0;
    const found = await compareRows(
      { file: name, absent: kind === 'opt-outs' ? (row) => absent.take(row) : () => 'ended' },
      sorted.rows(),
      holdings.rows(),
      async (all, known) => {
        if (kind === 'roster') for (const { key } of known) lists.list(listOfKey(key)).held += 1;
        const some = all.filter(({ change }) => change !== 'kept');
        for (const change of some) {
          changes.add(JSON.stringify(change));
          digest.update(`${change.subject}\t${change.key}\t${change.row === null ? '' : textOf(change.row)}\n`);
        }
        await lists.add(some.map((change) => eventOfRow(forecast, change)));
        compared += 1;
        if (compared % 1000 === 0) onProgress(`${compared} members compared`);
      },
    );
    await lists.end();
    changes.end();
    absent.end(ends?.name ?? '');
    if (found.repeated * 2 >= found.rows)
      throw new FileFault(
        'refused',
        `${name}: each row stands there twice or more often, so the file is doubled. Nothing was imported.`,
        { code: 'doubled' },
      );
    const isAgain = last?.digest === found.digest && last.asOf === asOf;
    const known = imports.map((each) => each.batch);
    const batch = isAgain ? last.batch : batchOf({ kind, source, asOf }, found.digest, known);
    const { gained, lost, unforeseen } = lists;
    const about = { ...found, kind, source, asOf, batch, first: last === undefined, gained, lost, unforeseen };
    const sensitive = Object.fromEntries([...lists.labels].sort());
    const foreseen = { ...about, lists: Object.fromEntries([...lists.lists].sort()), sensitive };
    const number = numberOf(foreseen, digest.digest('hex'));
    const causes = causesOf(foreseen);
    const report = { ...foreseen, reasons: causes.map(reasonOf), number };
    return {
      report,
      causes,
      last,
      async *events(time) {
        if (!changes.written) return;
        for await (const line of linesOf(changes.path))
          yield eventOfRow({ kind, file: { source, batch, asOf }, time }, JSON.parse(line) as Change);
      },
      close: () => sorted.close(),
    };
  } catch (error) {
    sorted.close();
    throw error;
  }
}

/** Publishes what a plan found, and then that the import is complete. `onProgress` gets how many rows are published. */
export async function importPlan(
  plan: Plan,
  publish: Publish,
  onProgress: (accepted: number) => void = () => undefined,
): Promise<void> {
  const { kind, source, asOf, batch, digest, rows } = plan.report;
  const publication = { kind, file: { source, batch, asOf }, time: new Date().toISOString() };
  await publish(plan.events(publication.time), onProgress);
  await publish(alone(importedEvent(publication, { digest, rows })));
}
