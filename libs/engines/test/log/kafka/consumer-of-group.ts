import { openLog } from './support.ts';

/**
 * Child process of groups.engine.spec.ts. It handles a batch without end, and prints every 20 ms whether it owns the
 * partition.
 */
const [broker, prefix] = process.argv.slice(2) as [string, string];
const log = await openLog(
  { brokers: [broker], clientId: 'child', topicPrefix: prefix },
  { groupPrefix: prefix, sessionTimeoutMs: 2_000, heartbeatIntervalMs: 200 },
);
await log.subscribe({
  group: 'g',
  topics: ['t'],
  maxRecords: 1,
  handle: (batch) =>
    new Promise(() => {
      process.stdout.write(`has ${batch.partition}\n`);
      setInterval(() => process.stdout.write(`owned ${batch.owned?.()}\n`), 20);
    }),
});
