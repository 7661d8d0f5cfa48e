import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { readKey } from '../client/credentials.ts';
import { Server } from '../client/server.ts';
import { TokenSource } from '../client/token.ts';
import { contextOf, type Context } from '../context.ts';
import { CliError, EXIT } from '../output.ts';
import { PROBE_MEMBER, PROBE_NPI, type ProbeWorld } from '../probe/content.ts';
import type { ProbeReport, StepResult } from '../probe/report.ts';
import {
  createMember,
  keyOf,
  PROBE_SCOPE,
  readProbeFile,
  registerProbe,
  removeMember,
  setUp,
  revokeProbe,
  type Operator,
} from '../probe/setup.ts';
import { tell, walk, type ProbeClient } from '../probe/walk.ts';

interface ProbeOptions {
  readonly app?: string;
  readonly client?: string;
  readonly key?: string;
  readonly member?: string;
  readonly npi?: string;
  readonly internal?: string;
  readonly ops?: string;
  readonly foreignGroup?: string;
  readonly publish?: boolean;
  readonly optOut?: boolean;
  readonly fresh?: boolean;
  readonly temporary?: boolean;
  readonly remove?: boolean;
  readonly report?: boolean;
  readonly timeout: string;
  readonly exportTimeout: string;
}

const env = (name: string): string | undefined => (process.env[name] === '' ? undefined : process.env[name]);
function seconds(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 86_400))
    throw new CliError(EXIT.usage, `${name} is a number of seconds, more than 0 and at most a day`);
  return value * 1000;
}
function worldOf(o: ProbeOptions, file?: ProbeWorld): ProbeWorld {
  const member = o.member ?? env('PA_PROBE_MEMBER') ?? file?.member ?? PROBE_MEMBER;
  const npi = o.npi ?? env('PA_PROBE_NPI') ?? file?.npi ?? PROBE_NPI;
  if (!/^[A-Za-z0-9\-.]{1,40}$/.test(member))
    throw new CliError(EXIT.usage, '--member is a FHIR id of at most 40 characters');
  if (!/^\d{10}$/.test(npi)) throw new CliError(EXIT.usage, '--npi has ten digits');
  return { member, npi };
}
/**
 * A member id that nobody else has. Ids are not reused, so that leftovers of an earlier run cannot be taken for this
 * one.
 */
const freshMember = (member: string): string => `${member.slice(0, 27)}-${randomBytes(6).toString('hex')}`;

function clientOf(server: Server, o: ProbeOptions): ProbeClient {
  const app = o.app ?? env('PA_PROBE_APP');
  const keyFile = o.key ?? env('PA_PROBE_KEY');
  if (app !== undefined) {
    const file = readProbeFile(app);
    const key = keyFile === undefined ? keyOf(app, file) : readKey(keyFile);
    return {
      clientId: file.client_id,
      tokens: new TokenSource(server, { clientId: file.client_id, key, scope: file.scope }),
    };
  }
  const clientId = o.client ?? env('PA_PROBE_CLIENT');
  if (clientId === undefined || keyFile === undefined)
    throw new CliError(
      EXIT.usage,
      "name the probe's own app: --app FILE (written by `pa probe setup`), or --client ID with --key FILE; or walk " +
        'with --temporary',
    );
  return { clientId, tokens: new TokenSource(server, { clientId, key: readKey(keyFile), scope: PROBE_SCOPE }) };
}

const line = ({ step, ok, ms, detail }: StepResult): string =>
  `${ok ? 'ok    ' : 'FAILED'}  ${step.padEnd(10)} ${String(ms).padStart(7)} ms  ${detail}`;

async function run(context: Context, o: ProbeOptions): Promise<ProbeReport> {
  const { server } = context;
  const internal = new Server(o.internal ?? env('PA_INTERNAL_SERVER') ?? server.base);
  const operator: Operator = {
    server,
    internal,
    payerToken: context.payerToken,
    administratorToken: context.administratorToken,
  };
  const app = o.app ?? env('PA_PROBE_APP');
  const named = worldOf(o, o.temporary === true || app === undefined ? undefined : readProbeFile(app));
  const isNew = o.fresh === true || o.temporary === true;
  const world = isNew ? { ...named, member: freshMember(named.member) } : named;
  let client: ProbeClient | undefined = o.temporary === true ? undefined : clientOf(server, o);
  const prepare = async (): Promise<string> => {
    const events = await createMember(operator, world);
    if (o.temporary !== true) return `${world.member}: ${events} events`;
    client = await registerProbe(operator, world, 'Synthetic probe, temporary');
    return `${world.member}: ${events} events; ${client.clientId} registered and approved`;
  };
  const remove = async (): Promise<string> => {
    const events = await removeMember(operator, world);
    if (o.temporary === true && client !== undefined) await revokeProbe(operator, client.clientId);
    return `${world.member}: ${events} events`;
  };
  const report = await walk({
    server,
    internal,
    world,
    payerToken: context.payerToken,
    publish: o.publish === true,
    optOut: o.optOut === true,
    foreignGroup: o.foreignGroup,
    timeoutMs: seconds('--timeout', o.timeout),
    exportTimeoutMs: seconds('--export-timeout', o.exportTimeout),
    patient: isNew,
    client: () => client!,
    prepare: isNew ? prepare : undefined,
    remove: isNew || o.remove === true ? remove : undefined,
    onStep: (result) => context.out.note(line(result)),
  });
  if (o.report === true) {
    // The result is the outcome of the probe. A report that fails does not change it.
    await tell(new Server(o.ops ?? env('PA_OPS_SERVER') ?? internal.base), context.administratorToken(), report).catch(
      (error: unknown) =>
        context.out.note(
          `the platform could not be told: ${error instanceof CliError ? error.message : 'unexpected fault'}`,
        ),
    );
  }
  return report;
}

/** The synthetic probe: every step of a provider, with a client and a member of its own. */
export function probeCommand(program: Command): void {
  const probe = program
    .command('probe')
    .description('take every step of a provider, with a synthetic member; exits 1 and names the step that failed')
    .option('--app <file>', "the probe's app, as `pa probe setup` wrote it (PA_PROBE_APP)")
    .option('--client <id>', 'client id, instead of --app (PA_PROBE_CLIENT)')
    .option('--key <file>', 'private JWK of the app, if not beside --app (PA_PROBE_KEY)')
    .option('--member <id>', `the synthetic member (PA_PROBE_MEMBER; default that of the app, else ${PROBE_MEMBER})`)
    .option('--npi <npi>', `its provider (PA_PROBE_NPI; default that of the app, else ${PROBE_NPI})`)
    .option('--internal <url>', 'where /events answers, if not at --server (PA_INTERNAL_SERVER)')
    .option('--ops <url>', 'where /ops answers, if not there either (PA_OPS_SERVER)')
    .option('--foreign-group <id>', 'a Group of somebody else that must look as if it did not exist')
    .option('--publish', 'also publish a claim of the member and wait until it is seen (payer token)')
    .option('--opt-out', 'also opt the member out and in again (payer token)')
    .option('--fresh', 'with a new member that is removed afterwards (payer token)')
    .option(
      '--temporary',
      'with a new member and an app of its own, removed and revoked afterwards: needs no set-up (payer and ' +
        'administrator token)',
    )
    .option('--remove', 'remove the member afterwards (payer token)')
    .option('--report', 'tell the platform how it went, for its metrics (administrator token)')
    .option('--timeout <seconds>', 'for each step', '30')
    .option('--export-timeout <seconds>', 'for the export to complete', '600')
    .addHelpText(
      'after',
      `
Steps: prepare (with --fresh or --temporary), discovery, token, group, member, search, publish, kick-off, status,
download, foreign, opt-out, clean-up, remove.
Prints a line for each step on standard error, and with --json the report on standard output.
Exit codes: 0 every step was as it must be · 1 one was not: the last line names it · 2 wrong usage
Tokens: PA_PAYER_TOKEN or PA_PAYER_TOKEN_FILE, PA_ADMINISTRATOR_TOKEN or PA_ADMINISTRATOR_TOKEN_FILE (the first line
counts), else those in --data-dir. They are never printed.`,
    )
    .action(async (o: ProbeOptions, command: Command) => {
      const context = contextOf(command);
      const report = await run(context, o);
      const ms = report.steps.reduce((sum, step) => sum + step.ms, 0);
      const taken = `${report.steps.length} steps in ${(ms / 1000).toFixed(1)} s`;
      context.out.result(report, [
        report.ok
          ? `every step succeeded: ${taken}`
          : `failed at ${report.failed}: ${report.steps.find((s) => !s.ok)!.detail}`,
      ]);
      if (!report.ok) process.exitCode = EXIT.refused;
    });
  probe
    .command('setup')
    .description(
      'once: publish the synthetic member and its provider, register and approve the app; writes app.json and ' +
        'key.json (payer and administrator token)',
    )
    .requiredOption('--out <dir>', 'where they go (mode 0600)')
    .action(async (o: { out: string }, command: Command) => {
      const context = contextOf(command);
      const all = command.optsWithGlobals<ProbeOptions>();
      const operator: Operator = {
        server: context.server,
        internal: new Server(all.internal ?? env('PA_INTERNAL_SERVER') ?? context.server.base),
        payerToken: context.payerToken,
        administratorToken: context.administratorToken,
      };
      const file = await setUp(operator, worldOf(all), o.out);
      context.out.result({ client_id: file.client_id, member: file.member, npi: file.npi, folder: o.out }, [
        `${file.client_id} may see ${file.member}; written to ${o.out}: pa probe --app ${o.out}/app.json`,
      ]);
    });
}
