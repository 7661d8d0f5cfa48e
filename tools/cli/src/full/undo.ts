import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DomainEvent, FILE_KINDS, FILE_SOURCE, type FileKind } from '@provider-access/events';
import { LineFile } from '../import/row-files.ts';
import { CliError, EXIT } from '../output.ts';
import { eventOfRow, importedEvent, type Publication } from './events.ts';
import { Held, type HeldRow } from './held.ts';
import type { Platform } from './plan.ts';
import { publishAll } from './publish-events.ts';
import { linesOf } from './sorted-rows.ts';

/** An import, as its name says it. */
export interface Batch {
  readonly batch: string;
  readonly kind: FileKind;
  readonly source: string;
  /** YYYY-MM-DD */
  readonly asOf: string;
}
const BATCH = /^(?:undo\.)*([a-z-]+)\.([a-z0-9-]+)\.(\d{4}-\d{2}-\d{2})\.[0-9a-f]{10}(?:-\d+)?$/;

/** @throws CliError for a text that names no import */
export function batchNamed(batch: string): Batch {
  const [, kind, source, asOf] = BATCH.exec(batch) ?? [];
  if (kind === undefined || !(FILE_KINDS as readonly string[]).includes(kind) || !FILE_SOURCE.test(source!))
    throw new CliError(EXIT.usage, `${batch} names no import: \`pa import --full\` printed its batch`);
  if (kind === 'opt-outs')
    throw new CliError(
      EXIT.usage,
      `${batch} is an import of opt-outs, which no undo takes back, because each end of an opt-out needs a ` +
        'confirmation of its own: import the right file, with --ends for the opt-outs that end',
    );
  return { batch, kind: kind as FileKind, source: source!, asOf: asOf! };
}

/** What an undo did. */
export interface Undone {
  readonly batch: string;
  /** The import that the undo is. */
  readonly by: string;
  /** Rows that the import had stated and that are as before it again. */
  readonly rows: number;
  /** Rows that a later import changed. They stay. */
  readonly kept: number;
  /** Members who may have been seen by a row of the import, in a file of their ids. */
  readonly given: AsyncIterable<string>;
  /** When the import published its first row, RFC 3339; undefined if no row of it is left. */
  readonly since: string | undefined;
  close(): void;
}

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
 * Takes an import back by new events: each row that it stated, and that no later import changed, is what it was before.
 * A second undo finds no row. Close the result: it has a file.
 */
export async function undoBatch(
  { batch, kind, source, asOf }: Batch,
  platform: Platform,
  onProgress: (text: string) => void = () => undefined,
): Promise<Undone> {
  const held = new Held(platform.server, platform.token, { source, kind });
  const folder = mkdtempSync(join(tmpdir(), 'pa-undo-'));
  const close = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const events = new LineFile(join(folder, 'events.ndjson'));
    const given = new LineFile(join(folder, 'given.txt'));
    const by = `undo.${batch}`;
    const publication = { kind, file: { source, batch: by, asOf }, time: new Date().toISOString() };
    let [rows, kept] = [0, 0];
    let since: string | undefined;
    let last = '';
    for await (const row of held.rows()) {
      if (row.batch !== batch) {
        if (row.before?.batch === batch) kept += 1;
        continue;
      }
      rows += 1;
      since = since === undefined || row.time < since ? row.time : since;
      events.add(JSON.stringify(eventBack(publication, row)));
      // The subjects of a network are providers.
      if (kind !== 'network' && row.row !== null && row.subject !== last) given.add((last = row.subject));
      onProgress(`${rows} rows compared`);
    }
    events.end();
    given.end();
    if (rows > 0) {
      await publishAll(platform, eventsIn(events), (accepted) => onProgress(`${accepted} rows published`));
      const digest = createHash('sha256').update(by).digest('hex');
      await publishAll(platform, [importedEvent(publication, { digest, rows, undoes: batch })]);
    }
    return { batch, by, rows, kept, given: lines(given), since, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function* lines(file: LineFile): AsyncGenerator<string> {
  if (file.written) yield* linesOf(file.path);
}
async function* eventsIn(file: LineFile): AsyncGenerator<DomainEvent> {
  for await (const line of lines(file)) yield JSON.parse(line) as DomainEvent;
}
