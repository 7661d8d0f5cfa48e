export { Workers } from './workers.ts';
export type { AbortReason, WorkersOptions } from './workers.ts';
