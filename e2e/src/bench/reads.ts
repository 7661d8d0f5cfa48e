import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itemOf, startPlatform } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { largest } from '../payers.ts';
import { kickOff, publishItems, sealed, texts, viewsCaughtUp } from '../road.ts';
import { load } from './load.ts';
import { AS_OF, appOf, targetsOf } from './measures.ts';
import { cpuOf } from './processes.ts';
import { compare, type Comparison, type Side } from './rounds.ts';
import { median } from './rows.ts';

export interface ReadsBench {
  readonly members: number;
  readonly seconds: number;
  readonly rounds: number;
  /** Folder of another build whose reads are measured. */
  readonly build?: string | undefined;
}
interface Server extends Side {
  readonly base: string;
  readonly targets: readonly string[];
  readonly token?: () => Promise<string>;
}

const CONNECTIONS = 32;

/**
 * Compares the CPU of a single read with that of bare Fastify, each in its own process, in the same rounds. The bare
 * answer is as long as the median resource. Reads of Provenances are a figure of their own, because they read labels of
 * their targets.
 */
export async function benchReads({ members, seconds, rounds, build }: ReadsBench): Promise<Comparison[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const platform = await startPlatform({
    dataDir: join(scratch, 'data'),
    ...(build !== undefined && { main: join(build, 'services/standalone/dist/main.js') }),
  });
  let bare: ReturnType<typeof spawn> | undefined;
  try {
    const payer = syntheticPayer({ seed: 'bench', members, asOf: AS_OF });
    await publishItems(platform, [...payer.events()].map(itemOf));
    await viewsCaughtUp(platform);
    const { app, group } = await appOf(platform, largest(payer));
    const token = (): Promise<string> => app.tokens.get();
    const manifest = await sealed(await kickOff(platform, await token(), group), await token());
    const lines = new Map(
      [...(await texts(manifest, await token()))].map(([type, text]) => [type, text.split('\n').filter(Boolean)]),
    );
    const others = new Map([...lines].filter(([type]) => type !== 'Provenance'));
    const length = median([...others.values()].flat().map((line) => Buffer.byteLength(line)));
    bare = spawn(process.execPath, [join(import.meta.dirname, 'bare.js'), String(length)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const port = String((await once(bare.stdout!, 'data'))[0]).trim();
    const { pid } = bare;
    const act = async ({ base, targets, token: tokenOf }: Server): Promise<number> => {
      const authorized = tokenOf === undefined ? {} : { token: await tokenOf() };
      return (await load({ base, targets, ...authorized, connections: CONNECTIONS, seconds })).requests;
    };
    const of = (targets: readonly string[]): readonly [Server, Server] => [
      { base: platform.base, targets, token, cpu: () => cpuOf(platform.pid) },
      { base: `http://127.0.0.1:${port}`, targets, cpu: () => cpuOf(pid!) },
    ];
    return [
      await compare(`a read, beside bare Fastify with ${length} bytes`, of(targetsOf(others)), rounds, act),
      await compare(
        'a read of a Provenance, beside the same',
        of(targetsOf(new Map([...lines].filter(([type]) => type === 'Provenance')))),
        rounds,
        act,
      ),
    ];
  } finally {
    bare?.kill();
    await platform.kill();
    rmSync(scratch, { recursive: true, force: true });
  }
}
