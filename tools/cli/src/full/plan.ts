import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { DomainEvent, FileKind } from '@provider-access/events';
import type { Server } from '../client/server.ts';
import { LineFile } from '../import/row-files.ts';
import type { ImportFile } from '../import/rows.ts';
import { CliError, EXIT } from '../output.ts';
import { AbsentRows, marksOf } from './absent-rows.ts';
import { type Change, compareRows, textOf } from './compare.ts';
import { batchOf, eventOfRow, type Publication } from './events.ts';
import { type ForecastChange, Held, type Imported } from './held.ts';
import { type FullReport, type ListChange, numberOf, reasonsOf } from './report.ts';
import { linesOf } from './sorted-rows.ts';
import { readWholeFile } from './whole-file.ts';

/** A full file, and the platform that it is for. */
export interface FullFile {
  readonly file: ImportFile;
  readonly kind: FileKind;
  readonly source: string;
  /** YYYY-MM-DD */
  readonly asOf: string;
  readonly rows?: number;
  /** Where the opt-outs go that the file lacks, and whose end nobody has confirmed. Default: nowhere. */
  readonly absentFile?: string;
  /** Such a file, in which a person has confirmed the end of some. */
  readonly ends?: string;
}
export interface Platform {
  readonly server: Server;
  readonly token: string;
}
export interface Plan {
  readonly report: FullReport;
  /** The last import of the source that counts. */
  readonly last: Imported | undefined;
  /** The events that make the platform hold what the file says. */
  events(time: string): AsyncIterable<DomainEvent>;
  close(): void;
}

/** Events of one forecast. All those about one member are in one request. */
const FORECAST = 500;
/** Stands for the batch in a forecast, which is not known before the last row is read. */
const NO_BATCH = 'forecast';

/** So many changes of a network are foreseen, because they go in one request. */
const MOST_OF_NETWORK = 20_000;

/** Collects what the forecast of some events at a time says about each list. */
class Lists {
  readonly #held: Held;
  readonly #isNetwork: boolean;
  readonly lists = new Map<string, ListChange>();
  /** Gained members by the labels of resources that come with them. */
  readonly labels = new Map<string, number>();
  gained = 0;
  lost = 0;
  /** Changes of a network that are too many to be foreseen. */
  unforeseen = 0;
  #open: DomainEvent[] = [];
  constructor(held: Held, kind: FileKind) {
    this.#held = held;
    this.#isNetwork = kind === 'network';
  }
  list(name: string): ListChange {
    let list = this.lists.get(name);
    if (list === undefined) this.lists.set(name, (list = { held: 0, gained: 0, lost: 0 }));
    return list;
  }
  async add(events: readonly DomainEvent[]): Promise<void> {
    if (this.#isNetwork) {
      this.unforeseen += events.length;
      if (this.unforeseen > MOST_OF_NETWORK) this.#open = [];
      else this.#open.push(...events);
      return;
    }
    this.#open.push(...events);
    if (this.#open.length >= FORECAST) await this.end();
  }
  async end(): Promise<void> {
    if (this.#open.length === 0) return;
    if (this.#isNetwork) return this.#foreseeNetwork();
    const changes: readonly ForecastChange[] = await this.#held.forecast(this.#open);
    this.#open = [];
    for (const { list, change, labels = [] } of changes) {
      for (const label of labels) this.labels.set(label, (this.labels.get(label) ?? 0) + 1);
      this[change] += 1;
      this.list(list)[change] += 1;
    }
  }
  async #foreseeNetwork(): Promise<void> {
    for (const { list, seen, gained, lost, labels } of await this.#held.networkForecast(this.#open)) {
      for (const [label, count] of Object.entries(labels))
        this.labels.set(label, (this.labels.get(label) ?? 0) + count);
      Object.assign(this.list(list), { held: seen, gained, lost });
      this.gained += gained;
      this.lost += lost;
    }
    this.#open = [];
    this.unforeseen = 0;
  }
}

/** The list that a row of a roster names, in the words of the forecast. */
function listOfKey(key: string): string {
  const parts = JSON.parse(key) as (string | null)[];
  const contract = parts.pop();
  return [...parts.toSorted(), ...(contract === null ? [] : [`contract ${contract}`])].join(' ');
}

/**
 * Compares a full file with what the platform holds of its source, and asks the platform what the difference would
 * change. It publishes nothing, and its memory does not grow with the file. Close the plan: it has files.
 * @throws CliError if the file is cut, empty, faulty or older than the last one
 */
export async function planOf(
  { file, kind, source, asOf, rows, absentFile, ends }: FullFile,
  { server, token }: Platform,
  onProgress: (text: string) => void = () => undefined,
): Promise<Plan> {
  const held = new Held(server, token, { source, kind });
  const [last, imports] = [(await held.imports()).at(-1), await held.allImports()];
  if (last !== undefined && asOf < last.asOf)
    throw new CliError(
      EXIT.refused,
      `${file.file} is of ${asOf}, and the last ${kind} file of ${source} was of ${last.asOf} (${last.batch}): an ` +
        'older file would take newer statements back. Nothing was imported.',
    );
  const marks = ends === undefined ? new Map<string, number>() : await marksOf(ends);
  const sorted = await readWholeFile({ source: file, ...(rows !== undefined && { rows }) }, (count) =>
    onProgress(`${count} rows read`),
  );
  try {
    const changes = new LineFile(join(sorted.folder, 'changes.ndjson'));
    const lists = new Lists(held, kind);
    const absent = new AbsentRows(source, { marks, ...(absentFile !== undefined && { out: absentFile }) });
    const digest = createHash('sha256');
    const forecast: Publication = {
      kind,
      file: { source, batch: NO_BATCH, asOf },
      time: new Date().toISOString(),
    };
    let compared = 0;
    const found = await compareRows(
      { file: file.file, absent: kind === 'opt-outs' ? (row) => absent.take(row) : () => 'ended' },
      sorted.rows(),
      held.rows(),
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
    absent.end(ends ?? '');
    if (found.repeated * 2 >= found.rows)
      throw new CliError(
        EXIT.refused,
        `${file.file}: each row stands there twice or more often, so the file is doubled. Nothing was imported.`,
      );
    const isAgain = last?.digest === found.digest && last.asOf === asOf;
    const known = imports.map(({ batch: name }) => name);
    const batch = isAgain ? last.batch : batchOf({ kind, source, asOf }, found.digest, known);
    const { gained, lost, unforeseen } = lists;
    const about = { ...found, kind, source, asOf, batch, first: last === undefined, gained, lost, unforeseen };
    const sensitive = Object.fromEntries([...lists.labels].sort());
    const foreseen = { ...about, lists: Object.fromEntries([...lists.lists].sort()), sensitive };
    const number = numberOf(foreseen, digest.digest('hex'));
    const report = { ...foreseen, reasons: reasonsOf(foreseen), number };
    return {
      report,
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
