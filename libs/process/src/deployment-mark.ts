import type { EventLog } from '@provider-access/engines/log';
import {
  DEPLOYMENT_KINDS,
  type DeploymentKind,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DEPLOYMENT,
  PA_PROVIDERS,
  PA_REGISTRY,
} from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import { ConfigurationError } from '@provider-access/service/config';
import { z } from 'zod';

/** The first record of `pa.deployment`. */
export interface DeploymentMark {
  readonly kind: DeploymentKind;
  /** RFC 3339 instant. */
  readonly markedAt: string;
}
const mark = z.object({ kind: z.enum(DEPLOYMENT_KINDS), markedAt: z.string() });

/** Every service reads these topics. A deployment that was used has a record in one of them. */
const USED = [PA_REGISTRY, PA_CONSENT, PA_ATTRIBUTION, PA_PROVIDERS];
/** All marks are in one partition, so that they have an order and the first one counts. */
const PARTITION = 0;

async function firstMark(log: Pick<EventLog, 'read'>): Promise<DeploymentMark | undefined> {
  const [first] = await log.read(PA_DEPLOYMENT, PARTITION, 0, 1);
  if (first === undefined) return undefined;
  try {
    return mark.parse(JSON.parse(Buffer.from(first.value).toString('utf8')));
  } catch {
    throw new ConfigurationError(
      `SANDBOX: the first record of ${PA_DEPLOYMENT} cannot be read, so nobody knows what kind of deployment this is`,
    );
  }
}

/**
 * Compares the kind of deployment that the settings ask for with the mark in the log. The first start of a deployment
 * writes the mark, and it never changes. If several processes write one at the same time, the first record counts. A
 * deployment that was in use before marks existed is a production deployment.
 * @throws ConfigurationError if the deployment is of the other kind
 * @throws EngineUnavailable if the log does not answer
 */
export async function settleDeployment(
  log: Pick<EventLog, 'append' | 'head' | 'read'>,
  kind: DeploymentKind,
  now: number,
): Promise<DeploymentMark> {
  let found = await firstMark(log);
  if (found === undefined) {
    const heads = await log.head(USED);
    const used = USED.some((topic) => heads[topic]?.some((offset) => offset > 0));
    if (used && kind === 'sandbox')
      throw new ConfigurationError(
        'SANDBOX: this deployment holds data and was created as a production deployment. Remove SANDBOX, or create a ' +
          `sandbox of its own. ${HOW}`,
      );
    const value = JSON.stringify({ kind, markedAt: instant(now) } satisfies DeploymentMark);
    await log.append(PA_DEPLOYMENT, [{ key: 'mark', partitionKey: 'mark', partition: PARTITION, headers: {}, value }]);
    found = await firstMark(log);
  }
  if (found?.kind === kind) return found;
  throw new ConfigurationError(
    found?.kind === 'sandbox'
      ? `SANDBOX: this deployment was created as a sandbox at ${found.markedAt}. Set SANDBOX=true, or create a ` +
          `deployment of its own. ${HOW}`
      : `SANDBOX: this deployment was created as a production deployment at ${found?.markedAt}. Remove SANDBOX, or ` +
          `create a sandbox of its own. ${HOW}`,
  );
}
const HOW =
  'A new deployment needs an empty DATA_DIR, or on Kafka and MongoDB another KAFKA_TOPIC_PREFIX, MONGODB_DATABASE ' +
  'and place for files.';
