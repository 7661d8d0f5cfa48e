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
