import { setTimeout as sleep } from 'node:timers/promises';
import { EngineUnavailable, type TopicPartition } from '../port.ts';
import { type Client, createClient } from './client.ts';
import { errorType, missingTopic, remedy, incompleteAnswer, unavailable } from './errors.ts';
import { createCluster, type RawCluster } from './low-level.ts';
import type { Settings } from './options.ts';

/** How long kafkajs itself retries. The adapter repeats each such try. */
const INNER_RETRY_MS = 250;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 500;
/** Some brokers may not yet have the metadata of a new topic. */
const NEW_TOPIC_MS = 150;

interface Open {
  readonly client: Client;
  readonly raw: RawCluster;
  readonly known: Set<string>;
}

/**
 * Sends requests that change nothing, and commits, because these may be repeated. On an error it refreshes the leaders
 * or reconnects, and repeats the request until the time is over. Names have their prefixes.
 */
export class Cluster {
  readonly #settings: Settings;
  #open: Promise<Open> | undefined;
  #closed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Throws EngineUnavailable, at once if a topic does not exist or the broker refuses the client. */
  async use<T>(
    what: string,
    topics: readonly string[],
    work: (raw: RawCluster) => Promise<T>,
    patienceMs: number = this.#settings.readTimeoutMs,
  ): Promise<T> {
    const deadline = performance.now() + patienceMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, MAX_PAUSE_MS)) {
      if (this.#closed) throw new EngineUnavailable('the log is closed');
      const opening = (this.#open ??= this.#connect());
      let open: Open | undefined;
      try {
        open = await opening;
        await know(open, topics);
        await open.raw.refreshMetadataIfNecessary();
        return await work(open.raw);
      } catch (error) {
        if (error instanceof EngineUnavailable) throw error;
        const cure = remedy(error);
        // Refresh even if this request ends, so that the next caller has the current leaders.
        if (cure !== 'refresh' || !(await refreshed(open))) this.#drop(opening);
        if (cure === 'give-up' || performance.now() + pause > deadline) throw unavailable(what, error);
        await sleep(pause);
      }
    }
  }

  async partitions(topic: string): Promise<number> {
    return this.use('the partitions of a topic', [topic], async (raw) => partitionsOf(raw, topic).length);
  }

  /** One offset for each partition: the head, or with `earliest` the first remaining offset. */
  async offsets(topics: readonly string[], earliest = false): Promise<ReadonlyMap<string, readonly number[]>> {
    return this.use('the heads', topics, async (raw) => {
      const asked = topics.map((topic) => ({ topic, partitions: partitionsOf(raw, topic), fromBeginning: earliest }));
      const found = await raw.fetchTopicsOffset(asked);
      return new Map(
        asked.map(({ topic, partitions }) => {
          const offsets = new Map(
            found
              .find((each) => each.topic === topic)
              ?.partitions.map(({ partition, offset }) => [partition, Number(offset)]),
          );
          // A missing head must not count as 0, because readers would conclude that the log ends before their position.
          if (partitions.some((_, partition) => !((offsets.get(partition) ?? -1) >= 0))) throw incompleteAnswer();
          return [topic, partitions.map((_, partition) => offsets.get(partition)!)];
        }),
      );
    });
  }

  /** Committed offsets; undefined for a partition without a commit. */
  async committed(
    group: string,
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, readonly (number | undefined)[]>> {
    return this.use('the offsets of a group', topics, async (raw) => {
      const asked = topics.map((topic) => ({ topic, partitions: partitionsOf(raw, topic) }));
      const coordinator = await raw.findGroupCoordinator({ groupId: group });
      const { responses } = await coordinator.offsetFetch({ groupId: group, topics: asked });
      return new Map(
        asked.map(({ topic, partitions }) => {
          const offsets: (number | undefined)[] = partitions.map(() => undefined);
          // A negative offset means no commit, or a default that kafkajs has not resolved yet.
          for (const { partition, offset } of responses.find((each) => each.topic === topic)?.partitions ?? [])
            if (Number(offset) >= 0) offsets[partition] = Number(offset);
          return [topic, offsets];
        }),
      );
    });
  }

  /** Commits for a group without consumers. False if the group has consumers and so has already started. */
  async commitStart(group: string, starts: readonly (TopicPartition & { readonly next: number })[]): Promise<boolean> {
    const topics = [...new Set(starts.map(({ topic }) => topic))];
    return this.use('the start of a group', topics, async (raw) => {
      const coordinator = await raw.findGroupCoordinator({ groupId: group });
      try {
        await coordinator.offsetCommit({
          groupId: group,
          groupGenerationId: -1,
          memberId: '',
          topics: topics.map((topic) => ({
            topic,
            partitions: starts
              .filter((each) => each.topic === topic)
              .map(({ partition, next }) => ({ partition, offset: String(next) })),
          })),
        });
        return true;
      } catch (error) {
        if (['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'].includes(errorType(error)))
          return false;
        throw error;
      }
    });
  }

  async isEmpty(group: string): Promise<boolean> {
    return this.use('the consumers of a group', [], async (raw) => {
      const coordinator = await raw.findGroupCoordinator({ groupId: group });
      const { groups } = await coordinator.describeGroups({ groupIds: [group] });
      return groups.every(({ members }) => members.length === 0);
    });
  }

  /** Removes a crashed consumer from its group, which would otherwise wait for the end of the consumer's session. */
  async leave(group: string, consumer: string): Promise<void> {
    await this.use(
      'leaving a group',
      [],
      async (raw) => {
        const coordinator = await raw.findGroupCoordinator({ groupId: group });
        await coordinator.leaveGroup({ groupId: group, memberId: consumer }).catch((error: unknown) => {
          if (errorType(error) !== 'UNKNOWN_MEMBER_ID') throw error;
        });
      },
      0,
    );
  }

  close(): void {
    this.#closed = true;
    if (this.#open !== undefined) this.#drop(this.#open);
  }

  async #connect(): Promise<Open> {
    const client = createClient(this.#settings, { retryMs: INNER_RETRY_MS });
    const raw = createCluster(client.kafka);
    try {
      await raw.connect();
    } catch (error) {
      client.retire();
      throw error;
    }
    return { client, raw, known: new Set() };
  }

  #drop(opening: Promise<Open>): void {
    if (this.#open === opening) this.#open = undefined;
    opening
      .then(({ client, raw }) => {
        client.retire();
        return raw.disconnect();
      })
      .catch(() => undefined);
  }
}

/** The partitions of a topic. Without any, the broker or kafkajs's shared metadata request does not know it yet. */
function partitionsOf(raw: RawCluster, topic: string): { readonly partition: number }[] {
  const found = raw.findTopicPartitionMetadata(topic);
  if (found.length === 0) throw incompleteAnswer();
  return found.map(({ partitionId }) => ({ partition: partitionId }));
}

async function refreshed(open: Open | undefined): Promise<boolean> {
  return open === undefined
    ? false
    : open.raw.refreshMetadata().then(
        () => true,
        () => false,
      );
}

/** Adds topics to the metadata of the cluster; the error for a missing topic has its name. */
async function know({ raw, known }: Open, topics: readonly string[]): Promise<void> {
  for (const topic of topics) {
    if (known.has(topic)) continue;
    for (let again = true; ; again = false) {
      try {
        await raw.addMultipleTargetTopics([topic]);
        // kafkajs may share a metadata request that began earlier and does not ask for this topic. Then the topic seems
        // to have no partitions.
        if (raw.findTopicPartitionMetadata(topic).length === 0) await raw.refreshMetadata();
        break;
      } catch (error) {
        if (errorType(error) === 'INVALID_TOPIC_EXCEPTION') throw missingTopic(topic);
        if (errorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
        if (!again) throw missingTopic(topic);
        await sleep(NEW_TOPIC_MS);
      }
    }
    known.add(topic);
  }
}
