/**
 * The steps of the synthetic probe (`pa probe`), in the order in which it takes them: a closed set, so that metrics and
 * alerts can name them. Which are taken is the caller's choice.
 */
export const PROBE_STEPS = [
  'prepare',
  'discovery',
  'token',
  'group',
  'member',
  'search',
  'publish',
  'kick-off',
  'status',
  'download',
  'foreign',
  'opt-out',
  'clean-up',
  'remove',
] as const;
export type ProbeStep = (typeof PROBE_STEPS)[number];
