import { flag, whole } from './values.ts';

/** What kind of deployment a process belongs to. Every process of a deployment has the same setting. */
export const deploymentEnv = {
  SANDBOX: flag
    .default(false)
    .describe(
      '`true`: the deployment is a sandbox with a synthetic payer. It takes no event of another payer. A deployment ' +
        'that was created with another setting does not start (docs/sandbox.md).',
    ),
};

/** How old the facts may be by which a service decides. */
export const factsEnv = {
  FACTS_BOUND_MS: whole(100, 60_000)
    .default(5000)
    .describe('The service answers 503 while its facts are older than this (ms).'),
  HOLD_UNTIL_NOTICE: flag
    .default(false)
    .describe(
      '`true`: nobody sees a member until `payer.notice-sent.v1` says that the member got a notice ' +
        '(`docs/notices.md`). Give all services the same value. Counsel decides whether it is needed.',
    ),
};
