import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { answer, type ProcessRoutesOptions } from '@provider-access/process';
import type { Sandbox, SandboxState } from '@provider-access/sandbox';
import { JSON_TYPE } from '@provider-access/service/http';
import { operation, parametersOf, ref, refuseOthers } from '@provider-access/service/operation';
import type { StaticTokens } from '@provider-access/smart';
import type { Logger } from '@provider-access/service/observability';
import type { StandaloneConfig } from './config.ts';
import type { Platform } from './platform.ts';

export type RunningSandbox = Pick<Sandbox, 'state' | 'stop'>;

/** Where the pages for people are: with `INTERNAL_PORT`, the public address does not have them. */
export const pagesOf = ({ internalAddress }: Platform): string => `${internalAddress}/portal/`;

/**
 * Starts the synthetic payer and the reviewer on a running platform. They use its routes like everybody else. Their
 * module is loaded here alone, so a production process never has it in memory.
 */
export async function startSandbox(
  platform: Platform,
  config: Pick<StandaloneConfig, 'SANDBOX_EVENTS_PER_MINUTE' | 'SANDBOX_MEMBERS'>,
  logger: Logger,
): Promise<RunningSandbox> {
  const { Sandbox } = await import('@provider-access/sandbox');
  const tokenOf = (file: string) => (): string => readFileSync(file, 'utf8').trim().split(/\s+/)[0]!;
  const sandbox = new Sandbox({
    payerUrl: platform.internalAddress,
    authUrl: platform.internalAddress,
    publicUrl: platform.publicUrl,
    payerToken: tokenOf(platform.payerTokenFile),
    administratorToken: tokenOf(platform.administratorTokenFile),
    pages: {
      url: pagesOf(platform),
      tokenFile: relative('', platform.administratorTokenFile),
      dataDir: relative('', platform.dataDir),
    },
    folder: join(platform.dataDir, 'sandbox'),
    members: config.SANDBOX_MEMBERS,
    eventsPerMinute: config.SANDBOX_EVENTS_PER_MINUTE,
    say: (sentence) => console.log(`sandbox: ${sentence}`),
    warn: (sentence) => logger.warn({}, `sandbox: ${sentence}`),
  });
  sandbox.start();
  return sandbox;
}

/** No controller has them, because the process itself answers them. */
const COMMON = { callers: ['administrator'], tag: 'Operations' } as const;
const STATE = operation({
  ...COMMON,
  route: 'GET /ops/sandbox',
  summary: 'Get the state of the sandbox',
  description: 'Only `npm start -- --sandbox` has this route.',
  answer: {
    description: 'Whether the sandbox is ready, its members, and its ready clients with their keys.',
    type: JSON_TYPE,
    schema: ref('Sandbox'),
  },
});
const RESET = operation({
  ...COMMON,
  route: 'POST /ops/sandbox/reset',
  summary: 'Delete everything in the sandbox and start over',
  description: 'Only `npm start -- --sandbox` has this route. The tokens stay, and the ready clients are new.',
  answer: {
    status: 202,
    description: 'The sandbox starts over. `GET /ops/sandbox` says when it is ready.',
    type: JSON_TYPE,
    schema: ref('Sandbox'),
  },
});
export const SANDBOX_OPERATIONS = [STATE, RESET] as const;

/** The routes of the sandbox, as a process takes them. */
export function sandboxRoutes(
  tokens: StaticTokens,
  { state, reset }: { readonly state: () => SandboxState | undefined; readonly reset: () => void },
): NonNullable<ProcessRoutesOptions['routes']> {
  return {
    [STATE.route.slice('GET '.length)]: async (request, response) => {
      tokens.require(request, STATE.callers);
      refuseOthers(parametersOf(request.url ?? ''), []);
      answer(response, 200, JSON_TYPE, JSON.stringify(state() ?? { status: 'starting' }));
    },
    [RESET.route]: async (request, response) => {
      tokens.require(request, RESET.callers);
      // The reset closes this connection, so the answer goes first.
      response.once('finish', reset);
      answer(response, RESET.answer.status, JSON_TYPE, JSON.stringify({ status: 'starting' }));
    },
  };
}
