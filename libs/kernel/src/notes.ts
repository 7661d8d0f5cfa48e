/** Its constructor gives back the object that it gets, so a private field of a subclass is added to that object. */
class Given {
  constructor(object: object) {
    return object;
  }
}

/** Values beside objects. Nobody else finds them there, and no copy of an object has them. */
export interface Notes<Key extends object, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
  delete(key: Key): void;
}

/**
 * What a WeakMap does, with the value in a private field of the object. The objects must not be frozen. An entry of a
 * WeakMap is dear where each event makes some: V8 looks at all new ones in each scavenge, and at all of them again
 * while the process waits for the end of a marking.
 */
export function notes<Key extends object, Value>(): Notes<Key, Value> {
  return class Noted extends Given {
    #value: Value | undefined;

    static get(key: object): Value | undefined {
      return #value in key ? key.#value : undefined;
    }
    static set(key: object, value: Value): void {
      if (#value in key) key.#value = value;
      else new Noted(key).#value = value;
    }
    static delete(key: object): void {
      if (#value in key) key.#value = undefined;
    }
  };
}
