import { createHash } from 'node:crypto';
import type { DomainEvent, FileKind, FileNote } from '@provider-access/events';
import { eventOf } from './statement.ts';

const DAY_MS = 86_400_000;
/** The last day before a day: a row that a file of this day does not have held until then. */
const dayBefore = (day: string): string => new Date(Date.parse(day) - DAY_MS).toISOString().slice(0, 10);

const dayAfter = (day: string): string => new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10);

/** What makes an event of a row: the import, and the time under which it is published. */
export interface Publication {
  readonly kind: FileKind;
  readonly file: FileNote;
  /** RFC 3339 instant. Each run has its own, because it orders the statements of one source. */
  readonly time: string;
}
interface Stated {
  readonly subject: string;
  readonly key: string;
  /** Null: the file does not have the row. */
  readonly row: Readonly<Record<string, unknown>> | null;
  /** What the platform holds: it names the provider or the coverage of a row that ends. */
  readonly held: Readonly<Record<string, unknown>> | null;
  /** The last day, or the instant of the end, of a row that ends. Default: the day before that of the file. */
  readonly to?: string;
}

const sourceOf = ({ source }: Pick<FileNote, 'source'>): string => `urn:provider-access:file:${source}`;
const idOf = ({ kind, file, time }: Publication, { subject, key, row }: Stated): string =>
  `file/${createHash('sha256')
    .update(JSON.stringify([kind, file, time, subject, key, row]))
    .digest('base64url')
    .slice(0, 22)}`;

/** The event of one row. */
export function eventOfRow(publication: Publication, stated: Stated): DomainEvent {
  const { kind, file, time } = publication;
  const { subject, row, held, to = dayBefore(file.asOf) } = stated;
  const { npi, tin, contract, ...values } = (row ?? held) as Readonly<Record<string, unknown>>;
  const provider = { npi, tin, contract };
  if (kind === 'opt-outs') {
    // What the source says on the day of the file: an opt-in of the member on this day stands against it.
    const said = new Date(Math.min(Date.parse(file.asOf), Date.parse(time))).toISOString();
    const about = { id: idOf(publication, stated), time: said, source: sourceOf(file) };
    if (row !== null) return eventOf({ type: 'payer.member-opted-out.v2', subject, data: { ...row, file } }, about);
    const { scope, targets, purposes, payers, categories } = held!;
    const data = { scope, targets, purposes, payers, categories, file };
    return eventOf({ type: 'payer.opt-out-withdrawn.v1', subject, data }, about);
  }
  if (kind === 'network') {
    const { to: last } = stated;
    const from = last === undefined ? file.asOf : last.includes('T') ? last : dayAfter(last);
    const data = row ?? { npi, tin, status: 'out-of-network', from, absent: true };
    const about = { id: idOf(publication, stated), time, source: sourceOf(file) };
    return eventOf({ type: 'payer.network-status-changed.v1', subject, data: { ...data, file } }, about);
  }
  const said =
    kind === 'roster'
      ? row === null
        ? { type: 'payer.attribution-ended.v1' as const, data: { provider, to, file } }
        : { type: 'payer.attribution-asserted.v1' as const, data: { provider, ...values, file } }
      : row === null
        ? { type: 'payer.member-terminated.v1' as const, data: { coverageId: values['coverageId'], to, file } }
        : { type: 'payer.member-enrolled.v1' as const, data: { ...values, file } };
  return eventOf({ ...said, subject }, { id: idOf(publication, stated), time, source: sourceOf(file) });
}

/** The last event of an import. */
export function importedEvent(
  { kind, file, time }: Publication,
  about: { readonly digest: string; readonly rows: number; readonly undoes?: string },
): DomainEvent {
  const id = `file/${createHash('sha256')
    .update(JSON.stringify([file, time]))
    .digest('base64url')
    .slice(0, 22)}`;
  const data = { ...file, kind, ...about };
  return eventOf({ type: 'payer.file-imported.v1', subject: file.source, data }, { id, time, source: sourceOf(file) });
}

/**
 * `roster.north-mso.2026-12-01.1f0c9a33e2`: it names what was imported. The same content of the same day, imported
 * again after another file, gets `-2`. An import that was interrupted gets its name again, unless somebody took back
 * what it had published.
 * @param known the batches that are complete, undoes too
 */
export function batchOf(
  { kind, source, asOf }: { readonly kind: FileKind; readonly source: string; readonly asOf: string },
  digest: string,
  known: readonly string[],
): string {
  const name = [kind, source, asOf, digest.slice(0, 10)].join('.');
  const names = new Set(known.map((batch) => batch.replace(/^(?:undo\.)+/, '')));
  const before = [...names].filter((batch) => batch === name || batch.startsWith(`${name}-`)).length;
  return before === 0 ? name : `${name}-${before + 1}`;
}
