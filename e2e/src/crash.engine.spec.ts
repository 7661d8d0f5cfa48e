import { testCrashes } from './crashes.ts';

// On separate processes. Every moment is tried on the standalone in `npm test`, and on processes in the suite
// `processes`.
testCrashes({ intake: 1, exports: ['chunk'] });
