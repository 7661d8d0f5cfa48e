import { SUMMARY_ELEMENTS } from '../definitions/summary-elements.ts';
import { structureOf } from '../elements.ts';
import { type FhirResource, isObject } from '../types.ts';
import type { SummaryMode } from './query.ts';

const SUBSETTED = {
  system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  code: 'SUBSETTED',
  display: 'subsetted',
};
/** Every subset has them. */
const ALWAYS: ReadonlySet<string> = new Set(['resourceType', 'id', 'meta', 'implicitRules', 'modifierExtension']);

export interface Subset {
  readonly summary?: SummaryMode;
  readonly elements?: readonly string[];
}

/** Whether the whole resource is asked for. */
export const isWhole = ({ summary, elements }: Subset): boolean =>
  elements === undefined && (summary === undefined || summary === 'false');

/**
 * The part of a resource that `_summary` or `_elements` asks for, with the tag SUBSETTED. Mandatory elements stay. The
 * resource itself if nothing asks for a part.
 */
export function subsetOf(resource: FhirResource, { summary, elements }: Subset): FhirResource {
  if (elements !== undefined) return tagged(only(resource, mandatoryAnd(resource, elements)));
  switch (summary) {
    case 'true':
      return tagged(summaryOf(resource, resource.resourceType) as FhirResource);
    case 'text':
      return tagged(only(resource, mandatoryAnd(resource, ['text'])));
    case 'data': {
      const { text: _left, ...rest } = resource;
      return tagged(rest as FhirResource);
    }
    default:
      return resource;
  }
}

function tagged(resource: FhirResource): FhirResource {
  const meta = isObject(resource['meta']) ? resource['meta'] : {};
  const tags: readonly unknown[] = Array.isArray(meta['tag']) ? meta['tag'] : [];
  const { resourceType, id, meta: _former, ...rest } = resource;
  const isTagged = tags.some((tag) => isObject(tag) && tag['code'] === SUBSETTED.code);
  return {
    resourceType,
    ...(id === undefined ? {} : { id }),
    meta: { ...meta, tag: isTagged ? tags : [...tags, SUBSETTED] },
    ...rest,
  };
}

/** The JSON properties of mandatory elements and of the named ones: `value` names each type of `value[x]`. */
function mandatoryAnd({ resourceType }: FhirResource, names: readonly string[]): ReadonlySet<string> {
  const structure = structureOf(resourceType);
  const kept = new Set<string>(ALWAYS);
  for (const { anyOf } of structure?.required ?? []) for (const name of anyOf) kept.add(name);
  for (const { name, choice } of structure?.elements.values() ?? [])
    if (names.some((named) => named === name || `${named}[x]` === choice)) kept.add(name);
  return kept;
}

/** The properties that are kept, with the `_name` in which a primitive has its id and extensions. */
function only<T extends Readonly<Record<string, unknown>>>(value: T, kept: ReadonlySet<string>): T {
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => kept.has(name.startsWith('_') ? name.slice(1) : name)),
  ) as T;
}

const summaries = new Map<string, ReadonlySet<string>>();

function summaryElementsOf(type: string): ReadonlySet<string> | undefined {
  const known = summaries.get(type);
  if (known !== undefined) return known;
  const line = Object.hasOwn(SUMMARY_ELEMENTS, type) ? SUMMARY_ELEMENTS[type] : undefined;
  const structure = structureOf(type);
  if (line === undefined || structure === undefined) return undefined;
  const names = new Set(line.split(' '));
  const kept = new Set<string>(structure.resource ? ALWAYS : ['id', 'extension', 'modifierExtension']);
  for (const { anyOf } of structure.required) for (const name of anyOf) kept.add(name);
  for (const { name, choice } of structure.elements.values())
    if (names.has(name) || (choice !== undefined && names.has(choice))) kept.add(name);
  summaries.set(type, kept);
  return kept;
}

function summaryOf(value: unknown, type: string): unknown {
  if (Array.isArray(value)) return value.map((item) => summaryOf(item, type));
  if (!isObject(value)) return value;
  const elements = structureOf(type)?.elements;
  // R4 marks nothing in an Extension, and an extension without its value is invalid (ext-1).
  if (elements === undefined || type === 'Extension') return value;
  const names = summaryElementsOf(type);
  const kept = names === undefined ? value : only(value, names);
  return Object.fromEntries(
    Object.entries(kept).map(([name, item]) => {
      const element = elements.get(name);
      return [name, element === undefined || element.primitive ? item : summaryOf(item, element.type)];
    }),
  );
}
