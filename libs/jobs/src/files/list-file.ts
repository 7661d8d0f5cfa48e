import type { PartInfo } from './part-set.ts';

/** The type of the line that a job has about a list as a whole. */
export const GROUP = 'Group';

/** Whether a file has entries of the Group, or its whole line. No client gets it as it is stored. */
export const isOfList = ({ kind, type }: Pick<PartInfo, 'kind' | 'type'>): boolean =>
  kind === 'output' && type === GROUP;
