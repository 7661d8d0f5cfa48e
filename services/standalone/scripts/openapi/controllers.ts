import 'reflect-metadata';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { healthController } from '@provider-access/process';
import { viewsController } from '@provider-access/service/operation';

type Class = new (...args: never[]) => unknown;

/** Which service answers the operations that a library has. */
const OF_LIBRARIES: Readonly<Record<string, string>> = { jobs: 'export' };

/** The controllers of each service, from their sources (in vitest) or from what was built. */
export async function controllersOf(from: 'src' | 'dist'): Promise<ReadonlyMap<string, readonly Class[]>> {
  const root = join(import.meta.dirname, '../../../..');
  // From the names of sources, because an older build may have left other files.
  const sources = globSync('{libs,services}/*/src/**/*.controller.ts', { cwd: root }).sort();
  const built = (file: string): string => file.replace('/src/', '/dist/').replace(/ts$/, 'js');
  const found = new Map<string, Class[]>([
    ['{service}', [viewsController('{service}') as Class, healthController('{service}') as Class]],
  ]);
  for (const file of from === 'src' ? sources : sources.map(built)) {
    const module = (await import(pathToFileURL(join(root, file)).href)) as Record<string, unknown>;
    const [, name = ''] = file.split('/');
    const service = OF_LIBRARIES[name] ?? name;
    const classes = Object.values(module).filter((value) => typeof value === 'function') as Class[];
    found.set(service, [...(found.get(service) ?? []), ...classes]);
  }
  return found;
}
