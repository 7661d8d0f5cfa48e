export { Workers, type WorkersOptions } from './workers.ts';
export { Poll } from './poll.ts';
