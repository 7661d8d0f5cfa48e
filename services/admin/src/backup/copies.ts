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
import { type Acceptance, acceptLosses, acceptRestore } from './accept.ts';
import { dumpTopics } from './dump.ts';
import { loadTopics } from './load.ts';

const NAMES = TOPICS.map(({ name }) => name);
const now = (): number => Date.now();

/** Copies topics. Each call opens and closes its engine. `progress` gets a line for each topic. */
export type Copies = ReturnType<typeof copiesOf>;
type Progress = (line: string) => void;

export function copiesOf(connection: KafkaConnection, settings: TopicPlanSettings) {
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
    /** @returns the start of the copy, which contains everything acknowledged before */
    dump: (folder: string, progress: Progress): Promise<string> =>
      withLog(async (log) => (await dumpTopics(log, folder, { now, progress })).copied),
    /** @returns the start of the loaded copy */
    async load(folder: string, progress: Progress): Promise<string> {
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
    /** @returns the number of restores that were open */
    accept: (by: Acceptance): Promise<number> => withLog((log) => acceptRestore(log, by, now())),
    /** @returns the accepted losses */
    acceptLoss: (by: Acceptance): Promise<readonly Loss[]> => withLog((log) => acceptLosses(log, by, now())),
  };
}
