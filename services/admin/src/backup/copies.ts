import { TOPICS } from '@provider-access/events';
import type { EventLog, Loss } from '@provider-access/engines/log';
import {
  applyTopics,
  openKafkaLog,
  openTopicLoader,
  takeTimes,
  type KafkaConnection,
} from '@provider-access/engines/log/kafka';
import { desiredTopics, type TopicPlanSettings } from '../config.ts';
import { acceptLosses } from './accept-loss.ts';
import { type Acceptance, acceptRestore } from './accept.ts';
import { dumpTopics } from './dump.ts';
import { loadTopics } from './load.ts';

/** Copies topics. Each call opens and closes its engine. `progress` gets a line for each topic. */
export interface Copies {
  readonly target: string;
  /** @returns the start of the copy, which contains everything acknowledged before */
  dump(folder: string, progress: (line: string) => void): Promise<string>;
  /** @returns the start of the loaded copy */
  load(folder: string, progress: (line: string) => void): Promise<string>;
  /** @returns the number of restores that were open */
  accept(acceptance: Acceptance): Promise<number>;
  /** @returns the accepted losses */
  acceptLoss(acceptance: Acceptance): Promise<readonly Loss[]>;
}

const NAMES = TOPICS.map(({ name }) => name);
const now = (): number => Date.now();

export function copiesOf(connection: KafkaConnection, settings: TopicPlanSettings): Copies {
  const withLog = async <T>(work: (log: EventLog) => Promise<T>): Promise<T> => {
    const log = await openKafkaLog(connection);
    try {
      return await work(log);
    } finally {
      await log.close();
    }
  };
  return {
    target: `Kafka at ${connection.brokers.join(', ')}`,
    dump: (folder, progress) => withLog(async (log) => (await dumpTopics(log, folder, { now, progress })).copied),
    async load(folder, progress) {
      await applyTopics(connection, desiredTopics(settings));
      const loader = openTopicLoader(connection);
      try {
        await takeTimes(connection, NAMES, 'records');
        return (await loadTopics(loader, { folder, now, progress })).manifest.copied;
      } finally {
        await loader.close();
        await takeTimes(connection, NAMES, 'append');
      }
    },
    acceptLoss: (acceptance) => withLog((log) => acceptLosses(log, acceptance, now())),
    accept: (acceptance) => withLog((log) => acceptRestore(log, acceptance, now())),
  };
}
