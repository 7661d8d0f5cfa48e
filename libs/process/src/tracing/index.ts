export { tracedBlobs } from './traced-blobs.ts';
export { tracedLog } from './traced-log.ts';
export { tracedState } from './traced-state.ts';
export { RecentWrites, tracedViews } from './traced-views.ts';
