import { variant } from '@provider-access/testing/variant';
import { MOMENTS, testCrashes, testStop } from './crashes.ts';

const { kills, deployment } = variant;
testCrashes({
  intake: Math.floor(kills / 2),
  exports: Array.from({ length: Math.ceil(kills / 2) }, (_, kill) => MOMENTS[kill % MOMENTS.length]!),
});
// On separate processes, `kill` tests the same.
if (deployment === 'standalone') testStop();
