import { z } from 'zod';

/** Whom an event denies that may restrict access and does not say whose. */
export const unreadableConsent = z
  .enum(['hold-all', 'hold-source'])
  .default('hold-all')
  .describe(
    'What an opt-out, or the end of a coverage or attribution, denies when no member can be read from it: ' +
      '`hold-all` everybody, `hold-source` the members ' +
      'of whom its source has spoken. Until somebody replays or discards the dead letter.',
  );
export type UnreadableConsent = z.infer<typeof unreadableConsent>;
