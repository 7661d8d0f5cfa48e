import type { Command } from 'commander';
import { contextOf, type Context, documentationOf } from '../context.ts';
import { CliError, EXIT, table } from '../output.ts';

/** An answer of `GET /ops/health/{service}`. */
interface Health {
  readonly version: string;
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ready: boolean; readonly detail?: string }[];
  readonly alerts: readonly Alert[];
}
interface Alert {
  readonly alert: string;
  readonly severity: string;
  readonly state: string;
  readonly found: readonly string[];
  /** A path of the platform. */
  readonly runbook: string;
}
interface Answered {
  readonly service: string;
  /** Absent: it does not answer. */
  readonly health?: Health;
}

const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'] as const;
const ABSENT = '/docs/runbooks/ProviderAccessServiceAbsent.html';

/** @throws CliError if no service answers, or for a fault of the caller */
async function asked({ server, administratorToken }: Context): Promise<readonly Answered[]> {
  const token = administratorToken();
  const faults: CliError[] = [];
  const answers = await Promise.all(
    SERVICES.map(async (service): Promise<Answered> => {
      try {
        return { service, health: await server.json<Health>(`/ops/health/${service}`, { token }) };
      } catch (error) {
        if (!(error instanceof CliError) || error.code !== EXIT.unavailable) throw error;
        faults.push(error);
        return { service };
      }
    }),
  );
  if (faults.length === SERVICES.length) throw faults[0]!;
  return answers;
}

/** Alerts that hold, each once: services of one process say the same. */
function holding(answers: readonly Answered[]): readonly Alert[] {
  const all = new Map<string, Alert>();
  for (const alert of answers.flatMap(({ health }) => health?.alerts ?? [])) {
    if (alert.state !== 'holds') continue;
    const found = [...new Set([...(all.get(alert.alert)?.found ?? []), ...alert.found])];
    all.set(alert.alert, { ...alert, found });
  }
  return [...all.values()];
}
const stateOf = (health: Health | undefined): string =>
  health === undefined ? 'does not answer' : health.ready ? 'ready' : 'not ready';
const failing = (health: Health | undefined): string =>
  (health?.checks ?? [])
    .filter(({ ready }) => !ready)
    .map(({ name, detail }) => (detail === undefined ? name : `${name}: ${detail}`))
    .join('; ');

/** What is unhealthy, and which runbook cures it: the same as `/portal/operator` (docs/watching.md). */
export function healthCommand(program: Command): void {
  program
    .command('health')
    .description('what is unhealthy, as far as the platform itself can see, and which runbook cures it')
    .addHelpText(
      'after',
      ({ command }) => `
Exit codes: 0 nothing is unhealthy · 1 something is · 3 cannot be reached · 4 not authorized
What it cannot see: ${documentationOf(command, 'watching')}`,
    )
    .action(async (_: object, command: Command) => {
      const context = contextOf(command);
      const services = await asked(context);
      const alerts = holding(services);
      const isHealthy = alerts.length === 0 && services.every(({ health }) => health?.ready === true);
      const { base } = context.server;
      const away = services.some(({ health }) => health === undefined);
      context.out.result({ healthy: isHealthy, services, alerts }, [
        ...table(
          ['service', 'state', 'version', 'failing'],
          services.map(({ service, health }) => [service, stateOf(health), health?.version ?? '', failing(health)]),
        ),
        '',
        ...(away ? [`A service does not answer: ${base}${ABSENT}`] : []),
        ...alerts.flatMap(({ alert, severity, found, runbook }) => [
          `${alert} (${severity}): ${base}${runbook}`,
          ...found.map((one) => `  ${one}`),
        ]),
        ...(isHealthy ? ['Nothing is unhealthy, as far as the platform itself can see.'] : []),
      ]);
      if (!isHealthy) process.exitCode = EXIT.refused;
    });
}
