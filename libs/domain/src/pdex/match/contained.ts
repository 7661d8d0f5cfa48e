import { dateRange, isObject } from '@provider-access/fhir';
import { DATA_ABSENT_REASON } from '../codes.ts';
import { isSafeXhtml } from '../redact/narrative.ts';
import { type Fault, faultAt, type Json, objectsOf } from './elements.ts';

/**
 * A submitted resource as a Group of the result contains it (M57): unchanged, but without `meta.versionId`,
 * `lastUpdated`, `security` and contained resources of its own, because R4 forbids them inside of a contained resource.
 * A reference to such a contained resource says instead that it is not there.
 * @param claims whether `meta.profile` stays. A resource that lacks what we ask for may claim a profile wrongly
 */
export function containable(resource: Json, claims: boolean): Json {
  const { contained: _contained, meta, ...rest } = resource;
  return withoutLocal({ ...rest, ...(claims ? metaOf(meta) : {}) }) as Json;
}

/** `meta` without what R4 forbids; nothing if nothing is left. A malformed one stays, so that the check names it. */
function metaOf(meta: unknown): { meta?: unknown } {
  if (meta === undefined) return {};
  if (!isObject(meta)) return { meta };
  const kept = Object.entries(meta).filter(([name]) => !/^_?(versionId|lastUpdated|security)$/.test(name));
  return kept.length === 0 ? {} : { meta: Object.fromEntries(kept) };
}

/** Deeper values are not copied. The check of the shape has refused them. */
const DEEPEST = 80;
function withoutLocal(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return value;
  if (Array.isArray(value)) return value.map((each) => withoutLocal(each, depth + 1));
  const entries = Object.entries(value).map(([name, each]) => [name, withoutLocal(each, depth + 1)] as const);
  const { reference, extension } = value as Json;
  if (typeof reference !== 'string' || !reference.startsWith('#')) return Object.fromEntries(entries);
  const absent = { url: DATA_ABSENT_REASON, valueCode: 'unsupported' };
  return {
    ...Object.fromEntries(entries.filter(([name]) => name !== 'reference' && name !== 'extension')),
    extension: [...objectsOf(extension), absent],
  };
}

/**
 * The first breach of the invariants of R4 that a Patient can have: per-1, ext-1, cpt-2, att-1, pat-1 and txt-1. The
 * check of the shape does not know them, and a breach would make the Group invalid.
 * @param part what stands for the resource in the path
 */
export function invariantFault(resource: Json, part: string): Fault | undefined {
  const { text } = resource;
  if (isObject(text) && !(isSafeXhtml(text['div']) && isBalanced(text['div'] as string)))
    return faultAt(`${part}.text.div`, 'must be XHTML with the elements that R4 permits in a narrative');
  for (const [at, contact] of objectsOf(resource['contact']).entries())
    if (!['name', 'telecom', 'address', 'organization'].some((name) => contact[name] !== undefined))
      return faultAt(`${part}.contact[${at}]`, 'must have a name, telecom, address or organization (pat-1)');
  return walk(resource, part, '');
}

function walk(value: Json, path: string, name: string): Fault | undefined {
  const wrong = breach(value, name);
  if (wrong !== undefined) return faultAt(path, wrong);
  for (const [key, child] of Object.entries(value)) {
    if (Array.isArray(child))
      for (const [at, each] of child.entries()) {
        const found = isObject(each) ? walk(each, `${path}.${key}[${at}]`, key) : undefined;
        if (found !== undefined) return found;
      }
    else if (isObject(child)) {
      const found = walk(child, `${path}.${key}`, key);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** What is wrong with an element of this name, in R4's invariants. */
function breach(value: Json, name: string): string | undefined {
  switch (name) {
    case 'period':
    case 'valuePeriod':
      return isReversed(value) ? 'must not end before it starts (per-1)' : undefined;
    case 'extension':
    case 'modifierExtension': {
      const hasValue = Object.keys(value).some((key) => key.startsWith('value') || key.startsWith('_value'));
      const isWrong = hasValue === Array.isArray(value['extension']);
      return isWrong ? 'must have either a value or extensions (ext-1)' : undefined;
    }
    case 'telecom':
      return value['value'] !== undefined && value['system'] === undefined
        ? 'must have a system, because it has a value (cpt-2)'
        : undefined;
    case 'photo':
      return value['data'] !== undefined && value['contentType'] === undefined
        ? 'must have a contentType, because it has data (att-1)'
        : undefined;
    default:
      return undefined;
  }
}

function isReversed({ start, end }: Json): boolean {
  if (typeof start !== 'string' || typeof end !== 'string') return false;
  const [first, last] = [dateRange(start), dateRange(end)];
  return first !== undefined && last !== undefined && last.end <= first.start;
}

const TAG = /<!--[\s\S]*?-->|<(\/?)([A-Za-z][A-Za-z0-9]*)[^>]*?(\/?)>/g;
/** Whether each element of a safe fragment ends where XML asks for it, and one `div` has them all. */
function isBalanced(xhtml: string): boolean {
  const open: string[] = [];
  let roots = 0;
  for (const [, closing, element, empty] of xhtml.trim().matchAll(TAG)) {
    if (element === undefined) continue;
    if (closing !== '') {
      if (open.pop() !== element) return false;
    } else {
      if (open.length === 0) roots += 1;
      if (empty === '') open.push(element);
    }
  }
  return open.length === 0 && roots === 1;
}
