export { Workers } from './workers.ts';
export { Poll } from './poll.ts';
