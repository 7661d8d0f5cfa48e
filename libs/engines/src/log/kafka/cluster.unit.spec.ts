import kafkajs from 'kafkajs';
import { afterEach, expect, it, vi } from 'vitest';
import { Cluster } from './cluster.ts';
import { settingsOf } from './options.ts';

/** A cluster as kafkajs has it, with target topics and one metadata request that concurrent callers share. */
class Raw {
  readonly targets = new Set<string>();
  metadata = new Map<string, readonly { partitionId: number; leader: number }[]>();
  /** Requests without an answer yet. */
  looks: (() => void)[] = [];
  held = false;
  /** Topics that the broker does not know yet. */
  unknown = new Set<string>();
  #look: Promise<void> | undefined;
  connect = async (): Promise<void> => {};
  disconnect = async (): Promise<void> => {};
  refreshMetadata = (): Promise<void> =>
    (this.#look ??= this.#refresh([...this.targets]).finally(() => (this.#look = undefined)));
  refreshMetadataIfNecessary = async (): Promise<void> => {};
  async #refresh(topics: readonly string[]): Promise<void> {
    if (this.held) await new Promise<void>((resolve) => this.looks.push(resolve));
    this.metadata = new Map(
      topics
        .filter((topic) => !this.unknown.has(topic))
        .map((topic) => [
          topic,
          [
            { partitionId: 0, leader: 1 },
            { partitionId: 1, leader: 1 },
          ],
        ]),
    );
  }
  addMultipleTargetTopics = async (topics: readonly string[]): Promise<void> => {
    for (const topic of topics) this.targets.add(topic);
    await this.refreshMetadata();
  };
  findTopicPartitionMetadata = (topic: string) => this.metadata.get(topic) ?? [];
  answered: readonly { partition: number; offset: string }[] = [
    { partition: 1, offset: '7' },
    { partition: 0, offset: '5' },
  ];
  fetchTopicsOffset = async (topics: readonly { topic: string }[]) =>
    topics.map(({ topic }) => ({ topic, partitions: this.answered }));
}

afterEach(() => vi.restoreAllMocks());

/** How kafkajs makes a cluster, for `createCluster`. */
const CREATE = Symbol('private:Kafka:createCluster');

function cluster(): { raw: Raw; cluster: Cluster } {
  const fake = new Raw();
  // Not `vi.mock`: specs share a process, and a spec before this one may have loaded the modules with the real client.
  vi.spyOn(kafkajs, 'Kafka').mockImplementation(
    class {
      readonly [CREATE] = (): Raw => fake;
    } as unknown as typeof kafkajs.Kafka,
  );
  return {
    raw: fake,
    cluster: new Cluster(settingsOf({ brokers: ['b:1'], clientId: 'c', readTimeoutMs: 300 })),
  };
}

it('returns the heads of a topic that was created during a metadata request', async () => {
  const world = cluster();
  expect(await world.cluster.offsets(['a'])).toEqual({ a: [5, 7] });
  world.raw.held = true;
  const looking = world.raw.refreshMetadata();
  const heads = world.cluster.offsets(['b']);
  const partitions = world.cluster.partitions('b');
  // Both calls share a request that does not ask for the new topic.
  await expect.poll(() => world.raw.targets).toContain('b');
  world.raw.held = false;
  for (const go of world.raw.looks) go();
  await looking;
  expect(await heads).toEqual({ b: [5, 7] });
  expect(await partitions).toBe(2);
});

it('returns the heads of all partitions or none: a missing head is not 0', async () => {
  const world = cluster();
  await world.cluster.offsets(['a']);
  for (const answered of [
    [],
    [{ partition: 0, offset: '5' }],
    [
      { partition: 0, offset: '5' },
      { partition: 1, offset: '-1' },
    ],
  ]) {
    world.raw.answered = answered;
    await expect(world.cluster.offsets(['a'])).rejects.toThrow(/^Kafka: the heads: OFFSET_NOT_AVAILABLE$/);
  }
  world.raw.answered = [
    { partition: 0, offset: '5' },
    { partition: 1, offset: '0' },
  ];
  world.raw.unknown.add('a');
  await world.raw.refreshMetadata();
  await expect(world.cluster.offsets(['a'])).rejects.toThrow(/OFFSET_NOT_AVAILABLE/);
  world.raw.unknown.clear();
  expect(await world.cluster.offsets(['a'])).toEqual({ a: [5, 0] });
});
