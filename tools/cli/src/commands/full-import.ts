import { FILE_KINDS, FILE_SOURCE, type FileKind } from '@provider-access/events';
import { importPlan } from '../full/import-plan.ts';
import { type FullFile, planOf, type Platform } from '../full/plan.ts';
import { confirmLines, reportLines } from '../full/report-lines.ts';
import { absentOf } from '../import/row-files.ts';
import type { FullReport, ImportFile } from '@provider-access/full-files';
import { CliError, EXIT, type Output } from '../output.ts';

/** The options of a full file, for `pa import` and `pa simulate`. */
export interface FullOptions {
  readonly full?: boolean;
  readonly asOf?: string;
  readonly source?: string;
  readonly rows?: number;
  readonly confirm?: string;
  readonly ends?: string;
}

/** @throws CliError for options that do not name a full file */
export function fullFileOf(kind: string, file: ImportFile, { asOf, source, rows, ends }: FullOptions): FullFile {
  if (kind === 'opt-ins')
    throw new CliError(EXIT.usage, 'an opt-in that a file lacks changes nothing: import opt-ins without --full');
  if (!(FILE_KINDS as readonly string[]).includes(kind))
    throw new CliError(EXIT.usage, `a full file is one of ${FILE_KINDS.join(', ')}: import ${kind} without --full`);
  if (source === undefined)
    throw new CliError(EXIT.usage, '--full needs --source: absent rows of this source end, and no others');
  if (!FILE_SOURCE.test(source))
    throw new CliError(EXIT.usage, '--source is a name of lower-case letters, digits and -, at most 40');
  if (asOf === undefined || !isDay(asOf))
    throw new CliError(EXIT.usage, '--full needs --as-of: the day of which the file tells, such as 2026-12-01');
  if (ends !== undefined && kind !== 'opt-outs')
    throw new CliError(EXIT.usage, '--ends belongs to opt-outs: rows of other files end when they are absent');
  const absent =
    kind === 'opt-outs' ? { absentFile: absentOf(file.file.name), ...(ends !== undefined && { ends }) } : {};
  return { file, kind: kind as FileKind, source, asOf, ...absent, ...(rows !== undefined && { rows }) };
}
function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(text) : new Date(Number.NaN);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

/** `pa simulate`: what an import would change. */
export async function simulateFull(full: FullFile, platform: Platform, out: Output): Promise<void> {
  const progress = out.progress('simulating');
  const plan = await planOf(full, platform, (text) => progress.update(text));
  try {
    progress.done(`${plan.report.rows} rows`);
    const lines = [...reportLines(plan.report), ...absentLines(plan.report, full), ...confirmLines(plan.report)];
    out.result(plan.report, [...lines, 'Nothing was imported.']);
  } finally {
    plan.close();
  }
}

/** `pa import --full`. @returns whether the platform holds what the file says: otherwise it waits for a confirmation */
export async function importFull(full: FullFile, platform: Platform, out: Output, confirm?: string): Promise<boolean> {
  const progress = out.progress('importing');
  const plan = await planOf(full, platform, (text) => progress.update(text));
  try {
    const { report, last } = plan;
    if (last?.batch === report.batch && isNothing(report)) {
      progress.done(`${report.rows} rows`);
      out.result({ ...report, imported: false }, [
        `This file was imported on ${last.time} as batch ${last.batch}. Nothing changed.`,
      ]);
      return true;
    }
    if (!mayImport(report, confirm, out)) return false;
    await importPlan(plan, platform, (accepted) => progress.update(`${accepted} rows published`));
    progress.done(`${report.rows} rows`);
    out.result({ ...report, imported: true }, [
      ...reportLines(report),
      ...absentLines(report, full),
      full.kind === 'opt-outs'
        ? `Imported as batch ${report.batch}.`
        : `Imported as batch ${report.batch}. \`pa undo ${report.batch}\` takes it back.`,
    ]);
    return true;
  } finally {
    plan.close();
  }
}
const absentLines = ({ kept }: FullReport, { absentFile }: FullFile): string[] =>
  kept === 0
    ? []
    : [
        `They are in ${absentFile}. Ask what each member has said. To end an opt-out, write yes into its column ` +
          '"end", and give the file with --ends.',
      ];
const isNothing = ({ added, changed, ended }: FullReport): boolean => added + changed + ended === 0;

/** Whether the report needs no confirmation, or has it. It prints why not. */
function mayImport(report: FullReport, confirm: string | undefined, out: Output): boolean {
  if (confirm === report.number || (confirm === undefined && report.reasons.length === 0)) return true;
  const wrong =
    confirm === undefined
      ? []
      : [
          `--confirm ${confirm} is the number of another report. The file, or what the platform holds, is not what ` +
            'that report says.',
        ];
  out.result({ ...report, imported: false }, [
    ...reportLines(report),
    ...wrong,
    ...confirmLines(report),
    'Nothing was imported.',
  ]);
  return false;
}
