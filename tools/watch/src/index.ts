export { knownSeries } from './catalogue.ts';
export { generatedFiles } from './files.ts';
export { namesIn } from './promql.ts';
export * from '@provider-access/domain/alerts';
export { CASES } from './cases/index.ts';
export { testFile } from './render/test-file.ts';
export { DASHBOARD_EXPRESSIONS } from './render/dashboard-file.ts';
