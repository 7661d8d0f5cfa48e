/** Shows JSON Schemas as tables of Markdown. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly deprecated?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly examples?: readonly unknown[];
}
export type Schemas = Readonly<Record<string, Schema>>;

/** Fields of fields are shown up to here. Resources and keys have more. */
const DEPTH = 4;

/** A text that a cell of a table can hold. */
export const cell = (text: string): string => escaped(text).replaceAll('|', '\\|').replaceAll('\n', ' ');
/** Prose that VitePress must not read as components or expressions. Code spans stay as they are. */
export const escaped = (text: string): string =>
  text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll('<', '&lt;').replaceAll('{{', '&#123;&#123;')))
    .join('');

export const jsonBlock = (value: unknown): string => `\`\`\`json\n${JSON.stringify(value, undefined, 2)}\n\`\`\``;

/** The table of the fields of an object, or a sentence about another value. */
export function schemaTable(schema: Schema, schemas: Schemas): string {
  const rows = rowsOf(resolve(schema, schemas), schemas, '', 0);
  if (rows.length === 0) return '';
  return ['| field | value | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function resolve(schema: Schema, schemas: Schemas): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (schemas[name] ?? {});
}

function rowsOf(schema: Schema, schemas: Schemas, prefix: string, depth: number): string[] {
  if (depth >= DEPTH) return [];
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const found = resolve(property, schemas);
    const path = `${prefix}${name}`;
    const meaning = [
      required.has(name) ? '**required.**' : '',
      found.deprecated === true ? '**deprecated.**' : '',
      property.description ?? found.description ?? '',
      found.default === undefined ? '' : `Default: \`${JSON.stringify(found.default)}\`.`,
    ];
    const text = meaning.filter((part) => part !== '').join(' ');
    const row = `| \`${path}\` | ${cell(valueOf(found, schemas))} | ${cell(text)} |`;
    const items = found.items === undefined ? undefined : resolve(found.items, schemas);
    return [
      row,
      ...rowsOf(found, schemas, `${path}.`, depth + 1),
      ...(items === undefined ? [] : rowsOf(items, schemas, `${path}[].`, depth + 1)),
    ];
  });
}

/** What a value may be, in few words. */
export function valueOf(schema: Schema, schemas: Schemas): string {
  const found = resolve(schema, schemas);
  if (found.const !== undefined) return `\`${JSON.stringify(found.const)}\``;
  if (found.enum !== undefined) return found.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (found.items !== undefined) return `list of ${valueOf(found.items, schemas)}`;
  const any = found.anyOf ?? found.oneOf;
  if (any !== undefined && found.type === undefined) return any.map((one) => valueOf(one, schemas)).join(' or ');
  const type = [found.type ?? 'any'].flat().join(' or ');
  if (found.format !== undefined) return `${type} (${found.format})`;
  return type;
}
