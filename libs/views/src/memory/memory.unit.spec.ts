import { viewsContract } from '../contract/index.ts';
import { openMemoryViews } from './index.ts';

viewsContract('memory', async () => {
  const views = openMemoryViews();
  return { views, close: () => views.close() };
});
