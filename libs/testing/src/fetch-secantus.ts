import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cached, cacheFolder, cacheKey, has, run } from './cache.ts';

export const SECANTUS_VERSION = '0.5.3-beta.193';

/** The MongoDB-compatible server, built by cargo once per machine. */
export async function buildSecantus(progress?: (line: string) => void): Promise<{ command: string; args: string[] }> {
  const folder = await cached(join(cacheFolder(), cacheKey('secantus-rs', SECANTUS_VERSION)), async (made) => {
    if (!has('cargo')) throw new Error('The MongoDB-compatible server for tests is built by cargo, which was not found: install Rust.');
    progress?.(`building SecantusDB ${SECANTUS_VERSION} with cargo (4 minutes, once)`);
    const root = `${made}-root`;
    await run('cargo', ['install', 'secantus-mdb', '--version', SECANTUS_VERSION, '--root', root, '--locked', '--ignore-rust-version'], { env: { CARGO_TARGET_DIR: `${made}-target` }, progress });
    mkdirSync(made);
    renameSync(join(root, 'bin', 'secantusd-rs'), join(made, 'secantusd-rs'));
  });
  const command = join(folder, 'secantusd-rs');
  if (!existsSync(command)) throw new Error(`${folder} holds no secantusd-rs: remove the folder and try again.`);
  return { command, args: [] };
}
