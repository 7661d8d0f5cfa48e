import { beforeAll, expect, it } from 'vitest';
import { sharedKafka } from '@provider-access/testing';
import { openLog, prefixed, record, topic } from '../../../test/log/kafka/support.ts';

let kafka: Awaited<ReturnType<typeof sharedKafka>>;
beforeAll(async () => {
  kafka = await sharedKafka();
});

it('a follower reads on and stops, whenever its handler ends', async () => {
  const log = await openLog(await prefixed(kafka.brokers, [topic('t', { partitions: 1 })]));
  await log.append(
    't',
    Array.from({ length: 5 }, (_, n) => record(String(n), 0, 'k')),
  );
  // Some of these handlers end while the follower looks for partitions to ask for.
  for (let turns = 0; turns < 60; turns++) {
    const followed: string[] = [];
    const follower = await log.follow({
      topics: ['t'],
      handle: async ({ records }) => {
        for (let turn = 0; turn < turns; turn++) await undefined;
        followed.push(...records.map(({ value }) => Buffer.from(value).toString()));
      },
    });
    expect(followed).toEqual(['0', '1', '2', '3', '4']);
    await follower.stop();
  }
  await log.close();
});
