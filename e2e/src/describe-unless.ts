import { describe } from 'vitest';

/** A `describe` that is skipped when there is a reason, which then stands in its name. */
export const describeUnless = (reason: string | undefined, name: string, body: () => void): void =>
  void describe.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (${reason})`, body);
