import { setTimeout as delay } from 'node:timers/promises';
import type { Server } from './server.ts';

/** No client has this id: the question is about the member alone. */
const NOBODY = 'pa';
/** An event that was accepted a moment ago may not be in the facts yet. */
const AGAIN_MS = 500;
const ATTEMPTS = 3;
/** An opt-out must not wait for a question that it does not need. */
const TIMEOUT_MS = 3_000;

/**
 * Whether the platform has coverage, attributions or opt-outs of a member; undefined if it cannot be asked, for example
 * because there is no administrator token. The question is in the audit, as each `pa explain` is.
 */
export async function isKnown(
  server: Server,
  administratorToken: string | undefined,
  member: string,
): Promise<boolean | undefined> {
  if (administratorToken === undefined) return undefined;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const { memberFacts } = await server.json<{ memberFacts: unknown }>(
        `/ops/explain?${new URLSearchParams({ client: NOBODY, member })}`,
        { token: administratorToken, timeoutMs: TIMEOUT_MS },
      );
      if (memberFacts !== null) return true;
      if (attempt === ATTEMPTS) return false;
      await delay(AGAIN_MS);
    }
  } catch {
    // The publication itself reports an unreachable platform, and a payer without this right may publish.
    return undefined;
  }
}
