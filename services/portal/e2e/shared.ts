import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlatformProcess, startPlatform } from '@provider-access/cli';
import { type BrowserServer, chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';
import { CHROMIUM } from './chromium.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers with the browser (`/browser`) and the platform (`/platform`) that the files of this run share. */
    shared: string;
  }
}

/** The synthetic payer. Its laboratory never sends an Observation, and one is expected every two hours. */
export const SANDBOX = { SANDBOX: 'true', SANDBOX_MEMBERS: '80', SANDBOX_EVENTS_PER_MINUTE: '0' };
export const LABORATORY = 'urn:provider-access:sandbox/laboratory';
const ENV = { ...SANDBOX, EXPECTED_FEEDS: `${LABORATORY} Condition 30d,${LABORATORY} Observation 2h` };

let end: () => Promise<void>;
/**
 * One browser for all files, and one platform with synthetic data for those that only use it. A start of both costs
 * ten CPU-seconds, so each starts when the first file asks for it. `/platform/stop` ends the platform; who asks for
 * it after that gets it on the same data at the same address.
 *
 * @public vitest calls it by name
 */
export async function setup(project: TestProject): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-portal-shared-'));
  const dataDir = join(folder, 'data');
  let browser: Promise<BrowserServer> | undefined;
  let platform: Promise<PlatformProcess> | undefined;
  let port = 0;

  async function start(): Promise<PlatformProcess> {
    const started = await startPlatform({ dataDir, env: ENV, port });
    port = Number(new URL(started.base).port);
    return started;
  }
  async function stop(): Promise<void> {
    const running = platform;
    platform = undefined;
    await (await running)?.stop();
  }
  const answers: Readonly<Record<string, () => Promise<unknown>>> = {
    '/browser': async () => {
      browser ??= chromium.launchServer({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
      return (await browser).wsEndpoint();
    },
    '/platform': async () => {
      platform ??= start();
      const { base, payerToken, administratorToken } = await platform;
      return { base, dataDir, payerToken, administratorToken };
    },
    '/platform/stop': stop,
  };
  const server = createServer((request, response) => {
    Promise.resolve(answers[request.url!]!()).then(
      (answer) => response.end(JSON.stringify(answer ?? null)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  project.provide('shared', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  end = async () => {
    server.close();
    server.closeAllConnections();
    await (await browser)?.close();
    await stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
/** @public vitest calls it by name */
export const teardown = (): Promise<void> => end();
