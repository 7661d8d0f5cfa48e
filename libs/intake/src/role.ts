import type { Service } from '@provider-access/events';

/** What the frame knows of a service. */
export interface IntakeRole {
  readonly deriver: Extract<Service, 'attribution' | 'consent' | 'resources'>;
  readonly progressTopic: string;
  /** The order in which topics are appended. */
  readonly topics: readonly string[];
  /** Whether a header of derived events says when they were recorded. Records of resources say so in their data. */
  readonly recordedAtHeader: boolean;
}

/** ms since the epoch. */
export interface BatchTimes {
  /** The newest transactionTime of an export; 0 before the first one. */
  readonly newest: number;
  /** When the batch counts as recorded: never before `newest`, nor before an earlier batch of this instance. */
  readonly stamp: number;
}
