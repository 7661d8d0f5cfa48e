import { flag } from './values.ts';

/** What kind of deployment a process belongs to. Every process of a deployment has the same setting. */
export const deploymentEnv = {
  SANDBOX: flag
    .default(false)
    .describe(
      '`true`: the deployment is a sandbox with a synthetic payer. It takes no event of another payer. A deployment ' +
        'that was created with another setting does not start (docs/sandbox.md).',
    ),
};
