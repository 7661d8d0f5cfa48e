export { exact, FIGURE_IDS, type FigureId, unknown, upTo, type Value } from './figures.ts';
export { isMonth, type Month, monthOf } from './months.ts';
export { digestOfCsv, digestOfReport, evidenceCsv, evidenceReport, type EvidenceReport } from './report.ts';
