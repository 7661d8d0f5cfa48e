import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { sharedS3 } from '@provider-access/testing';
import { s3Files, startDeployment, type Deployment } from '../deployment.ts';
import { SERVICES, type ServiceName } from '../gateway.ts';
import { publishPayer } from '../payers.ts';
import { otlpReceiver } from '../telemetry/otlp.ts';
import { EVERY_DAY, LIMITS, sharedPayer, TELLING } from './context.ts';

/**
 * Nothing dies here. A process that gets little time on a busy machine is neither gone nor behind, and has time to
 * stop.
 */
const BUSY = { KAFKA_SESSION_TIMEOUT_MS: '60000', FACTS_BOUND_MS: '60000', STOP_TIMEOUT_MS: '120000' };

/** A measurement asks both engines for the lag of each view. Two scenarios wait for the next one, all others do not. */
const MEASURING = { OTEL_METRIC_EXPORT_INTERVAL: '6000' };

/** Lines that no service may log: a default of kafkajs, a warning of Node, a part that did not close. */
const WRONG = /partitioner|TimeoutNegativeWarning|did not close|not handled/i;

/**
 * Starts the shared world once for all scenarios of the suite: one process for each service (two of export, because
 * files in a bucket are about two), the data of one payer, a collector that keeps what it receives, and a file of all
 * log lines. With `vitest --project world` (without `run`) the world stays up between runs.
 *
 * @public vitest calls it by name
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-world-'));
  const [linesFile, receivedFile] = [join(folder, 'lines'), join(folder, 'received')];
  const lines = createWriteStream(linesFile);
  const received = createWriteStream(receivedFile);
  const receiver = await otlpReceiver(({ path, body }) => received.write(`${path} ${body.toString('base64')}\n`));
  const wrong: string[] = [];
  let platform: Deployment | undefined;
  const close = async (): Promise<void> => {
    // SIGTERM lets a process end by itself, so that Node keeps its compiled code.
    await platform?.stop();
    await receiver.close();
    lines.end();
    received.end();
    rmSync(folder, { recursive: true, force: true });
  };
  const teardown = async (): Promise<void> => {
    await close();
    for (const { service, ended } of platform?.processes() ?? []) {
      if ((await ended) !== 0) throw new Error(`${service} ended with ${await ended} after SIGTERM`);
    }
    if (wrong.length > 0) throw new Error(`said by services of the shared world: ${wrong.slice(0, 5).join(' | ')}`);
  };
  try {
    const env = {
      ...LIMITS,
      ...EVERY_DAY,
      ...TELLING,
      ...BUSY,
      ...MEASURING,
      ...s3Files(await sharedS3()),
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    };
    const onLine = (line: string): void => {
      lines.write(`${line}\n`);
      if (WRONG.test(line)) wrong.push(line);
    };
    platform = await startDeployment({ dataDir: join(folder, 'data'), env, instances: { export: 2 }, onLine });
    await publishPayer(platform, sharedPayer());
    const { base, dataDir, payerToken, administratorToken } = platform;
    const processes = platform.processes();
    const basesOf = (service: ServiceName): string[] =>
      processes.filter((p) => p.service === service).map((p) => p.base);
    project.provide('world', {
      base,
      dataDir,
      payerToken,
      administratorToken,
      env,
      instances: Object.fromEntries(SERVICES.map((service) => [service, basesOf(service)])) as Record<
        ServiceName,
        string[]
      >,
      pids: processes.map((p) => p.child.pid!),
      lines: linesFile,
      received: receivedFile,
    });
    return teardown;
  } catch (error) {
    await close();
    throw error;
  }
}
