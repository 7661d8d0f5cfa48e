import { isObject } from '@provider-access/fhir';

/** One change of RFC 6902. `path` is a JSON Pointer (RFC 6901). */
export type Change =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Why a change does not fit a value: the place of the change, and no value. */
export class PatchFault extends Error {
  override readonly name = 'PatchFault';
}

/** A name that would change the prototype of an object, and no attribute. */
const NO_ATTRIBUTE = '__proto__';
const INDEX = /^(?:0|[1-9]\d{0,8})$/;

/**
 * Applies changes to a copy of a value: `add`, `remove`, `replace` and `test` of RFC 6902
 * (https://www.rfc-editor.org/rfc/rfc6902). All of them fit, or none is applied.
 * @throws PatchFault that names the change by its number, from 1 on
 */
export function patched(value: unknown, changes: readonly Change[]): unknown {
  const whole = { '': structuredClone(value) };
  changes.forEach((change, i) => {
    const fail = (why: string): never => {
      throw new PatchFault(`change ${i + 1} (${change.op} ${change.path}): ${why}`);
    };
    if (change.path !== '' && !change.path.startsWith('/')) fail('a path begins with /');
    const tokens = change.path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
    if (tokens.includes(NO_ATTRIBUTE)) fail('there is nothing at this place');
    const last = tokens.pop()!;
    let parent: unknown = whole;
    for (const token of tokens) parent = childOf(parent, token) ?? fail('there is nothing at this place');
    if (Array.isArray(parent)) changeList(parent, last, change, fail);
    else if (isObject(parent)) changeObject(parent as Record<string, unknown>, last, change, fail);
    else fail('there is nothing at this place');
  });
  return whole[''];
}

function childOf(parent: unknown, token: string): unknown {
  if (Array.isArray(parent)) return INDEX.test(token) ? (parent as unknown[])[Number(token)] : undefined;
  return isObject(parent) && Object.hasOwn(parent, token) ? (parent as Record<string, unknown>)[token] : undefined;
}

type Fail = (why: string) => never;
function changeList(list: unknown[], token: string, change: Change, fail: Fail): void {
  const isEnd = token === '-' && change.op === 'add';
  const at = isEnd ? list.length : Number(token);
  const most = change.op === 'add' ? list.length : list.length - 1;
  if (!(isEnd || INDEX.test(token)) || at > most) fail('there is nothing at this place');
  if (change.op === 'remove') list.splice(at, 1);
  else if (change.op === 'add') list.splice(at, 0, structuredClone(change.value));
  else if (change.op === 'replace') list[at] = structuredClone(change.value);
  else if (!isSame(list[at], change.value)) fail('another value is at this place');
}
function changeObject(object: Record<string, unknown>, name: string, change: Change, fail: Fail): void {
  if (change.op !== 'add' && !Object.hasOwn(object, name)) fail('there is nothing at this place');
  if (change.op === 'remove') delete object[name];
  else if (change.op !== 'test') object[name] = structuredClone(change.value);
  else if (!isSame(object[name], change.value)) fail('another value is at this place');
}

/** Equality of JSON values. The order of attributes does not count. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((one, i) => isSame(one, b[i]));
  if (!isObject(a) || !isObject(b) || Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((n) => Object.hasOwn(b, n) && isSame(a[n], b[n]));
}
