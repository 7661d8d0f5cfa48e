/** The same object with some methods replaced. Whatever else it has, also what is optional or private, is its own. */
export function overlay<T extends object, Own extends object>(target: T, own: Own): T & Own {
  return new Proxy(target, {
    get(object, key) {
      if (Object.hasOwn(own, key)) return own[key as keyof Own];
      const value: unknown = Reflect.get(object, key, object);
      return typeof value === 'function' ? (value.bind(object) as unknown) : value;
    },
  }) as T & Own;
}
