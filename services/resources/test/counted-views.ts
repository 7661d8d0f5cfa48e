import type { ViewReader, Views } from '@provider-access/engines/views';
import type { Loose } from './harness.ts';

const NOTED = [
  'get',
  'getMany',
  'getWhile',
  'others',
  'find',
  'having',
  'scan',
  'ids',
  'versions',
  'count',
  'position',
  'waitFor',
];

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

/** A reader that keeps nothing, so that queries do not depend on earlier requests. */
const forgetful = (reader: ViewReader, isChanging: boolean): ViewReader =>
  new Proxy(reader, {
    get(target, name) {
      if (name === 'kept' || name === 'remembered' || (name === 'generation' && isChanging)) return () => undefined;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

const bodyOf = (document: Loose, path: string): unknown =>
  path.split('.').reduce<Loose>((value, field) => value?.[field], document);

/**
 * Views that note each query in `statements`: view, method, number of ids, and loaded bodies. A query for the bodies of
 * plain documents alone has them only if one was loaded. With `memory`, documents that a read has decoded are kept.
 */
export const countedViews = (views: Views, statements: string[], memory: 'memory' | 'none' = 'none'): Views =>
  watched(views, (method, [projection]) =>
    method !== 'reader'
      ? undefined
      : (watched(
          memory === 'none'
            ? forgetful(views.reader(projection), ['records', 'search'].includes(projection.name))
            : views.reader(projection),
          (called, args) => {
            if (!NOTED.includes(called)) return undefined;
            const asked = called === 'getWhile' ? 'getMany' : called;
            const [ids, options] = called === 'getWhile' ? args.slice(1) : args;
            const bodies = (options?.bodies ?? ids?.bodies ?? []).join();
            const query = `${projection.name} ${asked} ${Array.isArray(ids) ? ids.length : 1}`;
            const withBodies = `${query} ${bodies}`.trimEnd();
            const at = statements.push(options?.plain === undefined ? withBodies : query) - 1;
            if (options?.plain !== 'bodies alone') return undefined;
            const reader = views.reader(projection) as Loose;
            const answer = reader[called](...args) as Promise<Loose>;
            return answer.then((found) => {
              const documents = (called === 'getWhile' ? (found.documents ?? []) : found) as readonly Loose[];
              if (documents.some((document) => bodyOf(document, bodies) !== undefined)) statements[at] = withBodies;
              return found;
            }) as never;
          },
        ) as never),
  );
