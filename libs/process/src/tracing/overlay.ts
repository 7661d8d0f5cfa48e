/**
 * The same object with some methods replaced. All other members, optional and private ones too, are those of the
 * original.
 */
export function overlay<T extends object, Own extends object>(target: T, own: Own): T & Own {
  return new Proxy(target, {
    get(object, key) {
      if (Object.hasOwn(own, key)) return own[key as keyof Own];
      const value: unknown = Reflect.get(object, key, object);
      return typeof value === 'function' ? (value.bind(object) as unknown) : value;
    },
  }) as T & Own;
}

/** Runs a call of a method. */
export type Around = <R>(method: string, call: () => Promise<R>) => Promise<R>;

/** The same object, where `around` runs each call of these methods. */
export function surround<T extends object>(target: T, methods: readonly (keyof T & string)[], around: Around): T {
  const own = methods.map((name) => {
    const method = target[name] as (...args: unknown[]) => Promise<unknown>;
    return [name, (...args: unknown[]) => around(name, () => method.apply(target, args))] as const;
  });
  return overlay(target, Object.fromEntries(own));
}
