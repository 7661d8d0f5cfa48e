import { openEmbeddedLog } from '../../src/log/embedded/index.ts';

/** Child process of durability.int.spec.ts. It appends until it is killed, and prints the acknowledged calls. */
const log = openEmbeddedLog({ file: process.argv[2]! });
const padding = 'x'.repeat(Number(process.argv[3] ?? 100));
for (let call = 0; ; call++) {
  try {
    await log.append(
      't',
      Array.from({ length: 5 }, (_, i) => ({
        key: `m${i}`,
        partitionKey: `m${i}`,
        headers: {},
        value: JSON.stringify({ call, i, padding }),
      })),
    );
  } catch (error) {
    process.stdout.write(`failed ${(error as Error).name}\n`);
    break;
  }
  process.stdout.write(`${call}\n`);
}
// The file is full. A close must end, and reads must still work.
const heads = await log.head(['t']);
process.stdout.write(`heads ${JSON.stringify(heads['t'])}\n`);
await log.close();
