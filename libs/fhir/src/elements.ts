import { R4_BINDINGS } from './definitions/binding-table.ts';
import { R4_ELEMENT_LINES } from './definitions/r4-elements.ts';

/** One JSON property of a structure. A choice has one for each type: `valueQuantity`, not `value[x]`. */
export interface ElementDefinition {
  readonly name: string;
  /** Datatype (`Quantity`, `date`), structure path (`Claim.item`) or `Resource`. */
  readonly type: string;
  readonly primitive: boolean;
  readonly list: boolean;
  /** `value[x]` for `valueQuantity` and the other properties of a choice. */
  readonly choice?: string;
  /** The codes of a required binding. Absent for other elements, and where the codes have no list (ADR 0059). */
  readonly codes?: RequiredCodes;
}
/** The codes of a value set. */
export interface RequiredCodes {
  readonly bySystem: ReadonlyMap<string, ReadonlySet<string>>;
  /** The codes of all systems. */
  readonly all: ReadonlySet<string>;
}

/** A compiled structure: a resource type, a datatype, or a backbone named by its path. */
export interface Structure {
  readonly name: string;
  readonly resource: boolean;
  readonly elements: ReadonlyMap<string, ElementDefinition>;
  /** Required elements. One of the properties in `anyOf` must be present. */
  readonly required: readonly { readonly name: string; readonly anyOf: readonly string[] }[];
}

const RESOURCE = 'id?id;meta?Meta;implicitRules?uri;language?code';
const EXTENSIONS = 'extension*Extension;modifierExtension*Extension';
const COMMON: Readonly<Record<string, string>> = {
  R: RESOURCE,
  D: `${RESOURCE};text?Narrative;contained*Resource;${EXTENSIONS}`,
  B: `id?string;${EXTENSIONS}`,
  E: 'id?string;extension*Extension',
};

const compiled = new Map<string, Structure>();

/** Codes by the path of the element. */
const bindings = new Map<string, Readonly<Record<string, string>>>(
  R4_BINDINGS.flatMap(([paths, codes]) => paths.split(' ').map((path) => [path, codes] as const)),
);
/** Many elements have one value set. */
const codeSets = new Map<Readonly<Record<string, string>>, RequiredCodes>();
function codesOf(path: string): RequiredCodes | undefined {
  const text = bindings.get(path);
  if (text === undefined) return undefined;
  let codes = codeSets.get(text);
  if (codes === undefined) {
    const bySystem = new Map(Object.entries(text).map(([system, some]) => [system, new Set(some.split(' '))]));
    codes = { bySystem, all: new Set([...bySystem.values()].flatMap((some) => [...some])) };
    codeSets.set(text, codes);
  }
  return codes;
}

/**
 * The structure of a resource type, datatype or backbone path, compiled on first use. Undefined if R4 has none of that
 * name.
 */
export function structureOf(name: string): Structure | undefined {
  const known = compiled.get(name);
  if (known !== undefined) return known;
  const line = name === 'Element' ? 'E' : Object.hasOwn(R4_ELEMENT_LINES, name) ? R4_ELEMENT_LINES[name] : undefined;
  if (line === undefined) return undefined;
  const structure = compile(name, line);
  compiled.set(name, structure);
  return structure;
}

function compile(name: string, line: string): Structure {
  const base = line.charAt(0);
  const elements = new Map<string, ElementDefinition>();
  const required: { name: string; anyOf: string[] }[] = [];
  for (const part of `${COMMON[base] ?? ''};${line.slice(2)}`.split(';')) {
    const match = /^([^?!*+]+)([?!*+])(.+)$/.exec(part);
    if (match === null) continue;
    const [, declared = '', card = '', typeList = ''] = match;
    const list = card === '*' || card === '+';
    const types = typeList.split('|');
    const isChoice = declared.endsWith('[x]');
    const stem = isChoice ? declared.slice(0, -3) : declared;
    const names: string[] = [];
    const codes = codesOf(`${name}.${declared}`);
    for (const type of types) {
      const property = isChoice ? stem + type.charAt(0).toUpperCase() + type.slice(1) : stem;
      names.push(property);
      elements.set(property, {
        name: property,
        type,
        primitive: isPrimitiveType(type),
        list,
        ...(isChoice ? { choice: declared } : {}),
        ...(codes !== undefined && { codes }),
      });
    }
    if (card === '!' || card === '+') required.push({ name: declared, anyOf: names });
  }
  return { name, resource: base === 'R' || base === 'D', elements, required };
}

/** In R4 only the names of primitive datatypes start in lower case. */
function isPrimitiveType(type: string): boolean {
  const first = type.charCodeAt(0);
  return first >= 97 && first <= 122;
}
