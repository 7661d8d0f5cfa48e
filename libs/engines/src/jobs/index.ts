export { Workers, type WorkersOptions } from './workers.ts';
export { Poll } from './poll.ts';
export { LeasedRuns } from './leased-runs.ts';
export { type ListedRun, ListedRuns, unknownRun } from './listed-runs.ts';
