import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CliError, EXIT } from '../output.ts';
import type { Manifest } from './manifest.ts';
import { ownFolder } from './own-folder.ts';

export interface FileState {
  readonly kind: 'output' | 'deleted' | 'error';
  readonly type: string;
  readonly url: string;
  readonly name: string;
  readonly count?: number;
  etag?: string;
  bytes?: number;
  done: boolean;
  /** The server withdrew the file while it was downloaded, because the client may see none of its members any more. */
  withdrawn?: boolean;
}
/**
 * The exports that may follow each other: a change of any of these values needs a whole export, because the earlier
 * ones left something out.
 */
export interface Series {
  readonly server: string;
  readonly client: string;
  readonly scope: string;
  readonly group: string;
  /** Sorted; empty for all types. */
  readonly types: string;
}
/** Kept as `export.json` in the folder. The same command continues from it. */
export interface ExportState {
  readonly group: string;
  readonly request: string;
  readonly status: string;
  readonly since?: string;
  /** `_until`, an instant. */
  readonly until?: string;
  /** Absent if the caller does not ask for what changed since the last export, and in files of earlier releases. */
  readonly series?: Series;
  manifest?: Manifest;
  files?: FileState[];
}
interface Last extends Series {
  readonly transactionTime: string;
}

const STATE = 'export.json';
const LAST = 'last.json';
const sameSeries = (a: Series, b: Series): boolean =>
  a.server === b.server && a.client === b.client && a.scope === b.scope && a.group === b.group && a.types === b.types;

/** `Coverage, Patient ` and `Patient,Coverage` ask for the same. */
export const typesOf = (list: string | undefined): string =>
  (list ?? '')
    .split(',')
    .map((type) => type.trim())
    .filter((type) => type !== '')
    .sort()
    .join(',');

/** The folder of an export: its files, its state, and the time of the last finished export of each series. */
export class ExportFolder {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }

  /** Creates the folder for its owner alone. @returns whether others can read a folder that existed before */
  create(): { readonly open: boolean } {
    if (existsSync(this.path)) return { open: (statSync(this.path).mode & 0o077) !== 0 };
    ownFolder(this.path, 0o700);
    // The umask may have removed more than it should have, or an administrator's default ACL may have added rights.
    chmodSync(this.path, 0o700);
    return { open: false };
  }

  load(): ExportState | undefined {
    return this.#read<ExportState>(STATE, 'the state of an export');
  }
  save(state: ExportState): void {
    this.#write(STATE, state);
  }

  /** Whether every file of the export was downloaded. It counts files that somebody moved away since. */
  static finished(state: ExportState | undefined): state is ExportState & { manifest: Manifest; files: FileState[] } {
    return state?.manifest !== undefined && state.files !== undefined && state.files.every((file) => file.done);
  }

  /** The transactionTime of the last finished export of a series. */
  lastOf(series: Series): string | undefined {
    return this.#lasts().find((last) => sameSeries(last, series))?.transactionTime;
  }
  /**
   * Remembers a finished export, so that the next one asks for what changed since. An export that began after the
   * remembered one ended leaves a gap and is not remembered.
   */
  remember({ series, since, until, manifest }: ExportState & { readonly manifest: Manifest }): void {
    if (series === undefined) return;
    const before = this.lastOf(series);
    const gap = since !== undefined && (before === undefined || Date.parse(since) > Date.parse(before));
    // What changed between `_until` and the export is for the next one.
    const early = until !== undefined && Date.parse(until) < Date.parse(manifest.transactionTime);
    const transactionTime = early ? until : manifest.transactionTime;
    const newer = before === undefined || Date.parse(transactionTime) > Date.parse(before);
    if (gap || !newer) return;
    const others = this.#lasts().filter((last) => !sameSeries(last, series));
    this.#write(LAST, { exports: [...others, { ...series, transactionTime }] });
  }

  /**
   * Moves an export into a folder of its own below this one, named by its transactionTime. The state moves last, so an
   * interrupted call is completed by the next one. @returns the name of the folder
   */
  archive(state: ExportState): string {
    const base = (state.manifest?.transactionTime ?? 'unfinished').replaceAll(':', '-');
    let name = base;
    for (let nth = 2; existsSync(join(this.path, name, STATE)); nth += 1) name = `${base}-${nth}`;
    const target = join(this.path, name);
    ownFolder(target, 0o700);
    for (const file of state.files ?? [])
      for (const each of [file.name, `${file.name}.part`])
        if (existsSync(join(this.path, each))) renameSync(join(this.path, each), join(target, each));
    renameSync(join(this.path, STATE), join(target, STATE));
    return name;
  }

  #lasts(): readonly Last[] {
    return this.#read<{ exports: readonly Last[] }>(LAST, 'the times of the last exports')?.exports ?? [];
  }
  #read<T>(name: string, what: string): T | undefined {
    const file = join(this.path, name);
    if (!existsSync(file)) return undefined;
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as T;
    } catch {
      throw new CliError(EXIT.usage, `${file} is not readable as ${what}: name another --out folder`);
    }
  }
  #write(name: string, value: unknown): void {
    const file = join(this.path, name);
    writeFileSync(`${file}.new`, JSON.stringify(value, null, 1), { mode: 0o600 });
    // The mode above counts for new files only.
    chmodSync(`${file}.new`, 0o600);
    renameSync(`${file}.new`, file);
  }
}
