import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answer, type ProcessRoutesOptions } from '@provider-access/process';
import type { SandboxState } from '@provider-access/sandbox';
import { refuseUnknownParameters, type StaticTokens } from '@provider-access/smart';
import type { Logger } from '@provider-access/service/observability';
import type { StandaloneConfig } from './config.ts';
import type { Platform } from './platform.ts';

export interface RunningSandbox {
  state(): SandboxState;
  stop(): Promise<void>;
}

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
    folder: join(platform.dataDir, 'sandbox'),
    members: config.SANDBOX_MEMBERS,
    eventsPerMinute: config.SANDBOX_EVENTS_PER_MINUTE,
    say: (sentence) => console.log(`sandbox: ${sentence}`),
    warn: (sentence) => logger.warn({}, `sandbox: ${sentence}`),
  });
  sandbox.start();
  return sandbox;
}

/** `GET /ops/sandbox` and `POST /ops/sandbox/reset`, for the administrator. */
export function sandboxRoutes(
  tokens: StaticTokens,
  { state, reset }: { readonly state: () => SandboxState | undefined; readonly reset: () => void },
): NonNullable<ProcessRoutesOptions['routes']> {
  return {
    '/ops/sandbox': async (request, response) => {
      tokens.require(request, ['administrator']);
      refuseUnknownParameters(request.url ?? '', []);
      answer(response, 200, 'application/json', JSON.stringify(state() ?? { status: 'starting' }));
    },
    'POST /ops/sandbox/reset': async (request, response) => {
      tokens.require(request, ['administrator']);
      // The reset closes this connection, so the answer goes first.
      response.once('finish', reset);
      answer(response, 202, 'application/json', JSON.stringify({ status: 'starting' }));
    },
  };
}
