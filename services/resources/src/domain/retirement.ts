import { SANDBOX_SOURCE } from '@provider-access/events';

/** `source` of the deletes that the job for old prior authorizations publishes. */
export const RETIREMENT = 'urn:provider-access:resources:retirement';
export const RETIREMENT_OF_SANDBOX = `${SANDBOX_SOURCE}/retirement`;
/** Whether that job removed a record, given the `source` of its last event. */
export const isRetirement = (source: string | undefined): boolean =>
  source === RETIREMENT || source === RETIREMENT_OF_SANDBOX;
