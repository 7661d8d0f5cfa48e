import { testCrashes } from './crashes.ts';

// Separate processes are killed here while an export writes its files. The suites `kills` and `processes` kill at every
// phase of an export.
testCrashes({ intake: 1, exports: ['chunk'] });
