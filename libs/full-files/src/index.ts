export { ABSENT_HEADER, absentLine, type AbsentOptOut } from './absent-rows.ts';
export { CsvForm, type CsvRow, readCsv } from './csv.ts';
export { importedEvent } from './events.ts';
export { type FaultyRow, FileFault, type FileFaultCode, type FileFaultDetail } from './fault.ts';
export type { FileBytes } from './file-bytes.ts';
export { withoutFormulas } from './formulas.ts';
export type { ForecastChange, HeldRow, Holdings, Imported, ListForecast } from './holdings.ts';
export { IMPORT_KINDS, IMPORT_NAMES, type ImportKind, type ImportName } from './kinds.ts';
export { LineFile } from './line-file.ts';
export { type ImportMap, mapOf, NO_MAP } from './map.ts';
export { type FullFile, importPlan, type Plan, planOf } from './plan.ts';
export type { Publish } from './publish.ts';
export type { FullReport, ReportCause } from './report.ts';
export { type ImportFile, importRows, type ImportRow, type RowFault } from './rows.ts';
export { eventOf, faultsOf, SOURCE, type Statement } from './statement.ts';
export {
  type Batch,
  batchNamed,
  instantBefore,
  publishUndo,
  undoBatch,
  type Undone,
  type UndoPlan,
  undoPlanOf,
  type UndoReport,
} from './undo.ts';
