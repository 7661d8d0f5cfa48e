import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itemOf, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { startEngines } from '@provider-access/testing';
import { startDeployment } from '../deployment.ts';
import { publishItems, viewsCaughtUp } from '../road.ts';
import { tablesOf } from './embedded/tables.ts';
import { withLargeClaims } from './large-claims.ts';
import { AS_OF } from './measures.ts';
import { collectionsOf } from './mongo/collections.ts';
import { note } from './rows.ts';

/** What the platform keeps of each resource: by topic, view and index. */

export interface BytesBench {
  readonly members: number;
  /** Folder of a build. Default: this one. */
  readonly build: string | undefined;
  /** Kafka and a MongoDB-compatible server instead of the embedded engine. */
  readonly engines: boolean;
  /** Claims of 17 to 35 kB instead of those of the demo. */
  readonly largeClaims: boolean;
}
export interface KeptBytes {
  /** Events with a resource that were accepted. */
  readonly resources: number;
  /** Bytes of these events as they were received. */
  readonly received: number;
  /** The largest first. MongoDB's rows count bytes before the server compresses its blocks. */
  readonly kept: Kept;
  /** Bytes of the files of the MongoDB-compatible server, after its compression and without its logs. */
  readonly mongoFiles?: number;
}

export async function benchBytes(options: BytesBench): Promise<KeptBytes> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bytes-'));
  try {
    const payer = syntheticPayer({ seed: 'bench', members: options.members, asOf: AS_OF });
    const events = options.largeClaims ? withLargeClaims(payer.events()) : payer.events();
    const items = [...events].map(itemOf);
    const published = async (platform: PlatformProcess): Promise<void> => {
      note(`intake of ${items.length} events`);
      await publishItems(platform, items);
      await viewsCaughtUp(platform);
    };
    const resources = items.filter(({ line }) => line.includes('"resourceType"'));
    const { kept, ...more } = options.engines
      ? await onEngines(scratch, options.build, published)
      : { kept: await embedded(scratch, options.build, published) };
    return {
      resources: resources.length,
      received: resources.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0),
      kept: kept.toSorted((a, b) => b.bytes - a.bytes),
      ...more,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What keeps bytes, and how many. */
export type Kept = readonly { readonly what: string; readonly bytes: number }[];
type Publish = (platform: PlatformProcess) => Promise<void>;

async function embedded(scratch: string, build: string | undefined, publish: Publish): Promise<Kept> {
  const main = build === undefined ? undefined : join(build, 'services/standalone/dist/main.js');
  const platform = await startPlatform({ dataDir: scratch, ...(main !== undefined && { main }) });
  try {
    await publish(platform);
  } finally {
    // The end of the process empties the write-ahead logs into the files.
    await platform.stop();
  }
  return ['log.db', 'views.db', 'state.db'].flatMap((name) => tablesOf(scratch, name));
}

async function onEngines(
  scratch: string,
  build: string | undefined,
  publish: Publish,
): Promise<Pick<KeptBytes, 'kept' | 'mongoFiles'>> {
  const folder = join(scratch, 'engines');
  const engines = await startEngines({ folder, progress: note });
  const { KAFKA_BROKERS, MONGODB_URI } = engines.env as { KAFKA_BROKERS: string; MONGODB_URI: string };
  const deployment = await startDeployment({
    dataDir: join(scratch, 'data'),
    env: { KAFKA_BROKERS, MONGODB_URI },
    ...(build !== undefined && { build }),
  });
  let kept: Kept;
  try {
    await publish(deployment);
    kept = [...topicsOf(folder), ...(await collectionsOf(MONGODB_URI))];
  } finally {
    await deployment.stop();
    await engines.stop();
  }
  // The end of the server writes a checkpoint into its files.
  return { kept, mongoFiles: filesOf(join(folder, 'mongo')) };
}

/** The files of tables and indexes. The server's oplog ends at 100,000 entries, so it does not grow with resources. */
function filesOf(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.wt') && !name.includes('oplog') && !name.includes('WiredTiger'))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

/** The segments of each topic in Kafka's log folder, without their sparse indexes, which Kafka allocates in advance. */
function topicsOf(folder: string): Kept {
  const bytes = new Map<string, number>();
  for (const at of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const [, prefixed] = /([^/]+)-\d+\/\d{20}\.log$/.exec(at) ?? [];
    const file = join(folder, at);
    if (prefixed === undefined || prefixed.startsWith('__') || !existsSync(file)) continue;
    const what = `Kafka: ${prefixed.replace(/^e2e[0-9a-f]+\./, '')}`;
    bytes.set(what, (bytes.get(what) ?? 0) + statSync(file).size);
  }
  return [...bytes].map(([what, sum]) => ({ what, bytes: sum }));
}

/** Of each resource, in bytes. Smaller rows are one row. */
const SMALLEST = 10;

export function printBytes({ resources, received, kept, mongoFiles }: KeptBytes): void {
  const each = (bytes: number): string => (bytes / resources).toFixed(0).padStart(9);
  console.log(`${resources} resources; bytes of each, and their share of the bytes received`);
  console.log(`${each(received)}  received`);
  const sum = kept.reduce((all, { bytes }) => all + bytes, 0);
  console.log(`${each(sum)}  kept: ${(sum / received).toFixed(2)} of the bytes received`);
  let rest = 0;
  for (const { what, bytes } of kept)
    if (bytes < SMALLEST * resources) rest += bytes;
    else console.log(`${each(bytes)}  ${what}`);
  console.log(`${each(rest)}  the rest`);
  if (mongoFiles === undefined) return;
  const kafka = kept.filter(({ what }) => what.startsWith('Kafka')).reduce((all, { bytes }) => all + bytes, 0);
  console.log(
    `${each(mongoFiles)}  files of MongoDB, whose blocks are compressed; with Kafka ${each(kafka + mongoFiles)}`,
  );
}
