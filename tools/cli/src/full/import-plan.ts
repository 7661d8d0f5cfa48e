import { importPlan as publishPlan, type Plan } from '@provider-access/full-files';
import { CliError } from '../output.ts';
import type { Platform } from './plan.ts';
import { publishAll } from './publish-events.ts';

/**
 * Publishes what a plan found, and then that the import is complete.
 * @throws CliError if it is not complete; the message names the batch, so that an undo is possible
 */
export async function importPlan(
  plan: Plan,
  platform: Platform,
  onProgress?: (accepted: number) => void,
): Promise<void> {
  const { batch } = plan.report;
  try {
    await publishPlan(plan, (events, onAccepted) => publishAll(platform, events, onAccepted), onProgress);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const back = `Its batch is ${batch}: \`pa undo ${batch}\` takes back what was published.`;
    throw new CliError(error.code, `${error.message}\n${back}`);
  }
}
