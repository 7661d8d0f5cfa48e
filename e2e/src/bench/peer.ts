import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { itemOf, startPlatform } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { largest } from '../payers.ts';
import { HAS_PEER, type Peer, startPeer } from '../peer.ts';
import { http, kickOff, publishItems, sealed, texts, viewsCaughtUp } from '../road.ts';
import { AS_OF, appOf } from './measures.ts';
import { cpuOf } from './processes.ts';
import { compare, type Comparison, type Side } from './rounds.ts';

export interface PeerBench {
  readonly members: number;
  readonly rounds: number;
  /** Folder of another build whose exports are measured. */
  readonly build?: string | undefined;
}
interface Exporter extends Side {
  /** Exports everything. @returns the files, and the token that they need */
  readonly urls: () => Promise<{ readonly urls: readonly string[]; readonly token?: string }>;
}

/**
 * Compares the CPU of an export with its download with that of bulk-data-server, which has the same lines in its own
 * database. The first round does not count, so these are later exports of data that did not change.
 * @throws Error if `../shared/tools/bulk-data-server` is not there
 */
export async function benchPeer({ members, rounds, build }: PeerBench): Promise<Comparison[]> {
  if (!HAS_PEER) throw new Error('The source of bulk-data-server is not there (docs/exporting-peers.md).');
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const platform = await startPlatform({
    dataDir: join(scratch, 'data'),
    ...(build !== undefined && { main: join(build, 'services/standalone/dist/main.js') }),
  });
  let peer: Peer | undefined;
  try {
    const payer = syntheticPayer({ seed: 'bench', members, asOf: AS_OF });
    await publishItems(platform, [...payer.events()].map(itemOf));
    await viewsCaughtUp(platform);
    const { app, group } = await appOf(platform, largest(payer));
    const exported = async (): Promise<Awaited<ReturnType<typeof sealed>>> => {
      const token = await app.tokens.get();
      return sealed(await kickOff(platform, token, group), token);
    };
    const files = join(scratch, 'files');
    mkdirSync(files);
    let resources = 0;
    for (const [type, text] of await texts(await exported(), await app.tokens.get())) {
      writeFileSync(join(files, `${type}.ndjson.gz`), gzipSync(text));
      resources += text.split('\n').length - 1;
    }
    peer = await startPeer(files);
    const { pid, base } = peer;
    const sides: readonly [Exporter, Exporter] = [
      {
        cpu: () => cpuOf(platform.pid),
        urls: async () => ({
          urls: (await exported()).output.map(({ url }) => url),
          token: await app.tokens.get(),
        }),
      },
      { cpu: () => cpuOf(pid), urls: async () => ({ urls: await peer!.filesOf({}) }) },
    ];
    const results: Comparison[] = [];
    for (const encoding of ['identity', 'gzip']) {
      const what = `export and ${encoding === 'gzip' ? 'gzip' : 'plain'} download, beside bulk-data-server`;
      const act = async ({ urls: ask }: Exporter): Promise<number> => {
        const { urls, token } = await ask();
        const authorized = token === undefined ? {} : { token };
        for (const url of urls) {
          const { status } = await http(url, { ...authorized, headers: { 'accept-encoding': encoding } });
          if (status !== 200) throw new Error(`${url.replace(base, '')} was answered ${status}`);
        }
        return resources;
      };
      results.push(await compare(what, sides, rounds, act));
    }
    console.log(`${resources} resources`);
    return results;
  } finally {
    peer?.stop();
    await platform.kill();
    rmSync(scratch, { recursive: true, force: true });
  }
}
