import type { Views } from '@provider-access/engines/views';
import type { Loose } from './harness.ts';

const NOTED = ['get', 'getMany', 'find', 'scan', 'ids', 'versions', 'count', 'position', 'waitFor'];

/** Wraps an object, and calls `before` ahead of its methods. */
export const watched = <T extends object>(
  of: T,
  before: (method: string, args: readonly Loose[]) => T | undefined,
): T =>
  new Proxy(of, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      return (...args: Loose[]) =>
        before(String(name), args) ?? (value as (...a: Loose[]) => unknown).apply(target, args);
    },
  });

/** Views that note each query in `statements`: view, method, number of ids, and loaded bodies. */
export const countedViews = (views: Views, statements: string[]): Views =>
  watched(views, (method, [projection]) =>
    method !== 'reader'
      ? undefined
      : (watched(views.reader(projection), (asked, [ids, options]) => {
          if (!NOTED.includes(asked)) return undefined;
          const bodies = (options?.bodies ?? ids?.bodies ?? []).join();
          statements.push(`${projection.name} ${asked} ${Array.isArray(ids) ? ids.length : 1} ${bodies}`.trimEnd());
          return undefined;
        }) as never),
  );
