import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DomainEvent, FILE_KINDS, FILE_SOURCE, type FileKind } from '@provider-access/events';
import { eventOfRow, importedEvent, type Publication } from './events.ts';
import { FileFault } from './fault.ts';
import type { HeldRow, Holdings } from './holdings.ts';
import { LineFile, linesOf } from './line-file.ts';
import { alone, type Publish } from './publish.ts';
import { digitsOf } from './report.ts';

/** An import, as its name says it. */
export interface Batch {
  readonly batch: string;
  readonly kind: FileKind;
  readonly source: string;
  /** YYYY-MM-DD */
  readonly asOf: string;
}
const BATCH = /^(?:undo\.)*([a-z-]+)\.([a-z0-9-]+)\.(\d{4}-\d{2}-\d{2})\.[0-9a-f]{10}(?:-\d+)?$/;

/** @throws FileFault for a text that names no import */
export function batchNamed(batch: string): Batch {
  const [, kind, source, asOf] = BATCH.exec(batch) ?? [];
  if (kind === undefined || !(FILE_KINDS as readonly string[]).includes(kind) || !FILE_SOURCE.test(source!))
    throw new FileFault('usage', `${batch} names no import: \`pa import --full\` printed its batch`, {
      code: 'no-batch',
    });
  if (kind === 'opt-outs')
    throw new FileFault(
      'usage',
      `${batch} is an import of opt-outs, which no undo takes back, because each end of an opt-out needs a ` +
        'confirmation of its own: import the right file, with --ends for the opt-outs that end',
      { code: 'no-undo' },
    );
  return { batch, kind: kind as FileKind, source: source!, asOf: asOf! };
}

/** What an undo would do. */
export interface UndoReport {
  readonly batch: string;
  /** The import that the undo is. */
  readonly by: string;
  /** Names this report: the same undo over the same state has the same number. */
  readonly number: string;
  /** Rows that the import had stated, and that are as before it again. */
  readonly rows: number;
  /** Rows that a later import changed. They stay. */
  readonly kept: number;
  /** Members who may have been seen by a row of the import. None for a network, whose rows open lists. */
  readonly members: number;
  /** When the import published its first row, RFC 3339; undefined if no row of it is left. */
  readonly since: string | undefined;
}
/** An undo that nobody has published yet. Close it: it has files. */
export interface UndoPlan {
  readonly report: UndoReport;
  /** The ids of the members who may have been seen. */
  readonly given: AsyncIterable<string>;
  /** The events that take the import back. */
  events(time: string): AsyncIterable<DomainEvent>;
  close(): void;
}
/** What an undo did. Close it: it has a file. */
export type Undone = Pick<UndoPlan, 'given' | 'close'> & Omit<UndoReport, 'number' | 'members'>;

/** The statement that makes a row what it was before the import. */
function eventBack(publication: Publication, row: HeldRow): DomainEvent {
  const { subject, key, before } = row;
  // An earlier file told of an earlier day. The row gets that day back, so that what came since still overrules it.
  const file = { ...publication.file, ...(before !== undefined && { asOf: before.asOf }) };
  const stated = { subject, key, row: before?.row ?? null, held: row.row ?? before?.row ?? null };
  // A row that was an error ends where it began, and not on a day.
  const to = row.row === null ? undefined : (row.row['from'] as string);
  return eventOfRow({ ...publication, file }, { ...stated, ...(to !== undefined && { to: instantBefore(to) }) });
}
/** A day before a day, so that nothing of it is left; an instant as it is. */
export function instantBefore(from: string): string {
  if (from.includes('T')) return from;
  return new Date(Date.parse(from) - 86_400_000).toISOString().slice(0, 10);
}

/**
 * What would take an import back: each row that it stated, and that no later import changed, is what it was before. A
 * second undo finds no row.
 * @param folder gets the folder of rows; default: that of the system
 */
export async function undoPlanOf(
  { batch, kind, source, asOf }: Batch,
  { holdings, folder: within = tmpdir() }: { readonly holdings: Holdings; readonly folder?: string },
  onProgress: (text: string) => void = () => undefined,
): Promise<UndoPlan> {
  const folder = mkdtempSync(join(within, 'pa-undo-'));
  const close = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const stated = new LineFile(join(folder, 'rows.ndjson'));
    const given = new LineFile(join(folder, 'given.txt'));
    const by = `undo.${batch}`;
    const digest = createHash('sha256');
    let [rows, kept, members] = [0, 0, 0];
    let since: string | undefined;
    let last = '';
    for await (const row of holdings.rows()) {
      if (row.batch !== batch) {
        if (row.before?.batch === batch) kept += 1;
        continue;
      }
      rows += 1;
      since = since === undefined || row.time < since ? row.time : since;
      const line = JSON.stringify(row);
      stated.add(line);
      digest.update(`${line}\n`);
      // The subjects of a network are providers.
      if (kind !== 'network' && row.row !== null && row.subject !== last) {
        members += 1;
        given.add((last = row.subject));
      }
      onProgress(`${rows} rows compared`);
    }
    stated.end();
    given.end();
    const number = digitsOf(JSON.stringify([by, rows, kept, digest.digest('hex')]));
    return {
      report: { batch, by, number, rows, kept, members, since },
      given: lines(given),
      async *events(time) {
        const publication = { kind, file: { source, batch: by, asOf }, time };
        for await (const line of lines(stated)) yield eventBack(publication, JSON.parse(line) as HeldRow);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Publishes what a plan of an undo found, and then that it is complete. Nothing, if no row of the import is left. */
async function publishUndo(
  { kind, source, asOf }: Batch,
  { report: { batch, by, rows }, events }: Pick<UndoPlan, 'report' | 'events'>,
  publish: Publish,
  onProgress: (accepted: number) => void = () => undefined,
): Promise<void> {
  if (rows === 0) return;
  const publication = { kind, file: { source, batch: by, asOf }, time: new Date().toISOString() };
  await publish(events(publication.time), onProgress);
  const digest = createHash('sha256').update(by).digest('hex');
  await publish(alone(importedEvent(publication, { digest, rows, undoes: batch })));
}

/** Takes an import back by new events. */
export async function undoBatch(
  batch: Batch,
  { publish, ...how }: { readonly holdings: Holdings; readonly publish: Publish; readonly folder?: string },
  onProgress: (text: string) => void = () => undefined,
): Promise<Undone> {
  const plan = await undoPlanOf(batch, how, onProgress);
  try {
    await publishUndo(batch, plan, publish, (accepted) => onProgress(`${accepted} rows published`));
  } catch (error) {
    plan.close();
    throw error;
  }
  const { number: _number, members: _members, ...report } = plan.report;
  return { ...report, given: plan.given, close: () => plan.close() };
}

async function* lines(file: LineFile): AsyncGenerator<string> {
  if (file.written) yield* linesOf(file.path);
}
