import { AsyncLocalStorage } from 'node:async_hooks';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import type { ViewReader, Views } from '@provider-access/engines/views';

/** What one request costs. */
export interface Cost {
  /** Values of conditions, compared with a resource. */
  readonly evaluations: number;
  /** Documents and ids that the views return. */
  readonly rows: number;
  /** Of the answer. */
  readonly bytes: number;
}

const READS = new Set(['get', 'getMany', 'getWhile', 'having', 'find', 'ids']);

/** Views that count the documents and ids that their readers return to what `count` runs. */
export function countedViews(): {
  readonly port: Views;
  readonly count: <T>(run: () => Promise<T>) => Promise<{ readonly value: T; readonly rows: number }>;
} {
  const counts = new AsyncLocalStorage<{ rows: number }>();
  const add = (rows: number): void => {
    const count = counts.getStore();
    if (count !== undefined) count.rows += rows;
  };
  const views = openMemoryViews({ shared: true });
  const counted = (reader: ViewReader): ViewReader =>
    new Proxy(reader, {
      get(target, name) {
        const method = Reflect.get(target, name, target) as unknown;
        if (typeof method !== 'function') return method;
        if (name === 'scan')
          return async function* (...args: unknown[]): AsyncGenerator<unknown> {
            for await (const document of Reflect.apply(method, target, args) as AsyncIterable<unknown>) {
              add(1);
              yield document;
            }
          };
        if (!READS.has(String(name))) return method.bind(target) as unknown;
        return async (...args: unknown[]): Promise<unknown> => {
          const found: unknown = await Reflect.apply(method, target, args);
          add(Array.isArray(found) ? found.length : 1);
          return found;
        };
      },
    });
  const port = new Proxy(views, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (name === 'reader')
        return (...args: Parameters<Views['reader']>) => counted(Reflect.apply(value as Views['reader'], target, args));
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const count = async <T>(run: () => Promise<T>): Promise<{ readonly value: T; readonly rows: number }> => {
    const counted = { rows: 0 };
    return { value: await counts.run(counted, run), rows: counted.rows };
  };
  return { port, count };
}
