export { tracedBlobs } from './traced-blobs.ts';
export { tracedLog } from './traced-log.ts';
export { tracedState } from './traced-state.ts';
export { tracedViews } from './traced-views.ts';
export { RecentWrites } from './recent-writes.ts';
