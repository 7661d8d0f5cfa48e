import { testCrashes } from './crashes.ts';

// On separate processes. `npm test` tries every moment on the standalone, and the suite `processes` tries them on
// processes.
testCrashes({ intake: 1, exports: ['chunk'] });
