export const QUEUES = ['export-plan', 'export-chunk', 'export-seal', 'export-expire', 'export-sweep'] as const;
export type Queue = (typeof QUEUES)[number];
export interface JobItem {
  readonly job: string;
  readonly chunk?: number;
  /** Trace context of the kick-off. */
  readonly traceparent?: string;
}
