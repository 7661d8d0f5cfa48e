import { setTimeout as sleep } from 'node:timers/promises';
import { EngineUnavailable, type Position } from '../port.ts';
import { type Client, createClient } from './client.ts';
import { errorType, missingTopic, remedy, incompleteAnswer, unavailable } from './errors.ts';
import { createCluster, type OffsetTopic, type RawBroker, type RawCluster } from './low-level.ts';
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

/** Committed offsets by topic and partition; undefined for a partition without a commit. */
export type Committed = Readonly<Record<string, readonly (number | undefined)[]>>;

interface Asked {
  readonly topic: string;
  readonly partitions: readonly { readonly partition: number }[];
}

/**
 * Sends requests that change nothing, and commits, because these may be repeated. On an error it refreshes the leaders
 * or reconnects, and repeats the request until the time is over. Topics and groups have their logical names.
 */
export class Cluster {
  readonly #settings: Settings;
  #open: Promise<Open> | undefined;
  /** Of the open client. */
  #raw: RawCluster | undefined;
  #closed = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Kafka's name of a topic. */
  name(topic: string): string {
    return this.#settings.topicPrefix + topic;
  }

  /** The topic of a name in Kafka. */
  topic(name: string): string {
    return name.slice(this.#settings.topicPrefix.length);
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
        this.#raw = open.raw;
        for (const topic of topics) await know(open, this.name(topic));
        await open.raw.refreshMetadataIfNecessary();
        return await work(open.raw);
      } catch (error) {
        if (error instanceof EngineUnavailable) throw error;
        const cure = remedy(error);
        // Refresh even if this request ends, so that the next caller has the current leaders.
        const refreshed =
          cure === 'refresh' &&
          (await open?.raw.refreshMetadata().then(
            () => true,
            () => false,
          ));
        if (!refreshed) this.#drop(opening);
        if (cure === 'give-up' || performance.now() + pause > deadline) throw unavailable(what, error);
        await sleep(pause);
      }
    }
  }

  async partitions(topic: string): Promise<number> {
    return this.use('the partitions of a topic', [topic], async (raw) => {
      const [found] = this.#partitions(raw, [topic]);
      return found!.partitions.length;
    });
  }

  /** The node that led a partition when the metadata were last read; undefined if they have no such partition. */
  leader(topic: string, partition: number): string | undefined {
    try {
      return Object.keys(this.#raw?.findLeaderForPartitions(this.name(topic), [partition]) ?? {})[0];
    } catch {
      return undefined;
    }
  }

  /** One offset for each partition: the head, or with `earliest` the first remaining offset. */
  async offsets(topics: readonly string[], earliest = false): Promise<Position> {
    return this.use('the heads', topics, async (raw) => {
      const asked = this.#partitions(raw, topics).map((each) => ({ ...each, fromBeginning: earliest }));
      const found = await raw.fetchTopicsOffset(asked);
      return Object.fromEntries(
        topics.map((topic, i) => {
          const offsets = offsetsOf(found, asked[i]!);
          // A missing head must not count as 0, because readers would conclude that the log ends before their position.
          if (!offsets.every((offset) => offset !== undefined)) throw incompleteAnswer();
          return [topic, offsets];
        }),
      );
    });
  }

  /** Committed offsets; undefined for a partition without a commit. */
  async committed(group: string, topics: readonly string[]): Promise<Committed> {
    return this.use('the offsets of a group', topics, async (raw) => {
      const asked = this.#partitions(raw, topics);
      const { groupId, coordinator } = await this.#coordinator(raw, group);
      const { responses } = await coordinator.offsetFetch({ groupId, topics: asked });
      return Object.fromEntries(topics.map((topic, i) => [topic, offsetsOf(responses, asked[i]!)]));
    });
  }

  /**
   * Commits the start of a group in partitions without a commit, before the group has consumers. Otherwise a restart
   * would skip records that were appended before the first batch. A group with consumers has already started.
   */
  async commitStart(group: string, topics: readonly string[], from: Position): Promise<void> {
    const committed = await this.committed(group, topics);
    const starts = topics.map((topic) => ({
      topic: this.name(topic),
      partitions: committed[topic]!.flatMap((at, partition) =>
        at === undefined ? [{ partition, offset: String(from[topic]?.[partition] ?? 0) }] : [],
      ),
    }));
    if (starts.every(({ partitions }) => partitions.length === 0)) return;
    await this.use('the start of a group', topics, async (raw) => {
      const { groupId, coordinator } = await this.#coordinator(raw, group);
      await coordinator
        .offsetCommit({ groupId, groupGenerationId: -1, memberId: '', topics: starts })
        .catch(unless('UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'));
    });
  }

  async isEmpty(group: string): Promise<boolean> {
    return this.use('the consumers of a group', [], async (raw) => {
      const { groupId, coordinator } = await this.#coordinator(raw, group);
      const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
      return groups.every(({ members }) => members.length === 0);
    });
  }

  /** Removes a crashed consumer from its group, which would otherwise wait for the end of the consumer's session. */
  async leave(group: string, memberId: string): Promise<void> {
    const request = async (raw: RawCluster): Promise<void> => {
      const { groupId, coordinator } = await this.#coordinator(raw, group);
      await coordinator.leaveGroup({ groupId, memberId }).catch(unless('UNKNOWN_MEMBER_ID'));
    };
    await this.use('leaving a group', [], request, 0);
  }

  close(): void {
    this.#closed = true;
    if (this.#open !== undefined) this.#drop(this.#open);
  }

  async #coordinator(raw: RawCluster, group: string): Promise<{ groupId: string; coordinator: RawBroker }> {
    const groupId = this.#settings.groupPrefix + group;
    return { groupId, coordinator: await raw.findGroupCoordinator({ groupId }) };
  }

  /** The partitions of topics. A topic without any is not yet known to the broker or to kafkajs's metadata request. */
  #partitions(raw: RawCluster, topics: readonly string[]): Asked[] {
    return topics.map((each) => {
      const topic = this.name(each);
      const found = raw.findTopicPartitionMetadata(topic);
      if (found.length === 0) throw incompleteAnswer();
      return { topic, partitions: found.map(({ partitionId }) => ({ partition: partitionId })) };
    });
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

/** The offsets in an answer. A negative one means no commit, or a default that kafkajs has not resolved yet. */
function offsetsOf(answer: readonly OffsetTopic[], { topic, partitions }: Asked): readonly (number | undefined)[] {
  const found = answer.find((each) => each.topic === topic)?.partitions ?? [];
  const offsets = new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
  return partitions.map((_, partition) => ((offsets.get(partition) ?? -1) >= 0 ? offsets.get(partition) : undefined));
}

/** Handles a rejection of one of these types; others go on. */
const unless =
  (...types: readonly string[]) =>
  (error: unknown): void => {
    if (!types.includes(errorType(error))) throw error;
  };

/** Adds a topic to the metadata of the cluster; the error for a missing topic has its name. */
async function know({ raw, known }: Open, topic: string): Promise<void> {
  for (let again = true; !known.has(topic); again = false) {
    try {
      await raw.addMultipleTargetTopics([topic]);
      // kafkajs may share a metadata request that began earlier and does not ask for this topic. Then the topic seems
      // to have no partitions.
      if (raw.findTopicPartitionMetadata(topic).length === 0) await raw.refreshMetadata();
      known.add(topic);
    } catch (error) {
      if (errorType(error) === 'INVALID_TOPIC_EXCEPTION') throw missingTopic(topic);
      if (errorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      if (!again) throw missingTopic(topic);
      await sleep(NEW_TOPIC_MS);
    }
  }
}
