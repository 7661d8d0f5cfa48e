/** `source` of the events of a sandbox's synthetic payer. A path may follow it. */
export const SANDBOX_SOURCE = 'urn:provider-access:sandbox';

/** Whether an event comes from the synthetic payer of a sandbox. */
export const isSandboxSource = (source: string): boolean =>
  source === SANDBOX_SOURCE || source.startsWith(`${SANDBOX_SOURCE}/`);

/** What kind of deployment this is. It is written into the log once, and never changes. */
export const DEPLOYMENT_KINDS = ['production', 'sandbox'] as const;
export type DeploymentKind = (typeof DEPLOYMENT_KINDS)[number];
