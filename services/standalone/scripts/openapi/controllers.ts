import 'reflect-metadata';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { viewsController } from '@provider-access/service/operation';

type Class = new (...args: never[]) => unknown;

/** The controllers of each service, from their sources (in vitest) or from what was built. */
export async function controllersOf(from: 'src' | 'dist'): Promise<ReadonlyMap<string, readonly Class[]>> {
  const services = join(import.meta.dirname, '../../..');
  // From the names of sources, because an older build may have left other files.
  const sources = globSync('*/src/**/*.controller.ts', { cwd: services }).sort();
  const built = (file: string): string => file.replace('/src/', '/dist/').replace(/ts$/, 'js');
  const found = new Map<string, Class[]>([['{service}', [viewsController('{service}') as Class]]]);
  for (const file of from === 'src' ? sources : sources.map(built)) {
    const module = (await import(pathToFileURL(join(services, file)).href)) as Record<string, unknown>;
    const service = file.split('/')[0]!;
    const classes = Object.values(module).filter((value) => typeof value === 'function') as Class[];
    found.set(service, [...(found.get(service) ?? []), ...classes]);
  }
  return found;
}
