import { remembered, takeDown } from './state.ts';

/**
 * `e2e/engines/down`: ends what `up` started, removes its data, and prints `unset` for the variables that `up`
 * exported.
 */
const names = Object.keys(remembered()?.env ?? {});
const ended = await takeDown();
console.error(ended === 0 ? 'nothing ran' : `ended ${ended} process${ended === 1 ? '' : 'es'} and removed their data`);
if (names.length > 0) console.log(`unset ${names.join(' ')}`);
