import { CliError } from '../output.ts';
import { importedEvent } from './events.ts';
import type { Plan, Platform } from './plan.ts';
import { publishAll } from './publish-events.ts';

/**
 * Publishes what a plan found, and then that the import is complete.
 * @throws CliError if it is not complete; the message names the batch, so that an undo is possible
 */
export async function importPlan(
  plan: Plan,
  platform: Platform,
  onProgress: (accepted: number) => void = () => undefined,
): Promise<void> {
  const { kind, source, asOf, batch, digest, rows } = plan.report;
  const publication = { kind, file: { source, batch, asOf }, time: new Date().toISOString() };
  try {
    await publishAll(platform, plan.events(publication.time), onProgress);
    await publishAll(platform, [importedEvent(publication, { digest, rows })]);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const back = `Its batch is ${batch}: \`pa undo ${batch}\` takes back what was published.`;
    throw new CliError(error.code, `${error.message}\n${back}`);
  }
}
