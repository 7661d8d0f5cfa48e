export { Workers } from './workers.ts';
export type { AbortReason, WorkersOptions } from './workers.ts';
export { Poll } from './poll.ts';
