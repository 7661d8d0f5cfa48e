import { describe } from 'vitest';

/** A `describe` that is skipped if there is a reason. Its name then has the reason. */
export const describeUnless = (reason: string | undefined, name: string, body: () => void): void =>
  void describe.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (${reason})`, body);
