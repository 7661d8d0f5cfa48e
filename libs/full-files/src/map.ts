import { z } from 'zod';
import { FileFault } from './fault.ts';
import type { ImportKind } from './kinds.ts';

const EXCEL = 'excel';
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const schema = z.strictObject({
  /** Attribute -> name of its column. An attribute without a row has the column of its own name. */
  columns: z.record(z.string(), text).default({}),
  /** Attribute -> the value of every row. */
  constants: z.record(z.string(), text).default({}),
  /** Attribute -> value in the file -> value of the event. */
  values: z.record(z.string(), z.record(z.string(), text)).default({}),
  /** Days that the file writes in another order, such as MM/DD/YYYY, or `excel` for the day numbers of Excel. */
  days: z
    .string()
    .refine(
      (form) => form === EXCEL || ['YYYY', 'MM', 'DD'].every((part) => form.split(part).length === 2),
      'has YYYY, MM and DD once, or is excel',
    )
    .optional(),
  /** Without it, the header tells. */
  separator: z.string().length(1, 'is one character').optional(),
});
export type ImportMap = z.output<typeof schema>;

export const NO_MAP: ImportMap = schema.parse({});

/**
 * A map of columns, as YAML or JSON says it. Nothing is an empty map.
 * @param name names the map in texts
 * @throws FileFault with each place that is wrong
 */
export function mapOf(value: unknown, kind: ImportKind, name = 'the map'): ImportMap {
  const read = schema.safeParse(value ?? {});
  if (!read.success) {
    const faults = read.error.issues.map(({ path, message }) => `${path.join('.') || 'file'}: ${message}`);
    throw new FileFault('usage', `${name}: ${faults.join('; ')}`, { code: 'map', faults });
  }
  const { columns, constants, values } = read.data;
  for (const [part, names] of Object.entries({ columns, constants, values }))
    for (const attribute of Object.keys(names))
      if (!kind.attributes.includes(attribute)) {
        const fault = `${part}.${attribute} is no attribute of this import: ${kind.attributes.join(', ')}`;
        throw new FileFault('usage', `${name}: ${fault}`, { code: 'map', faults: [fault] });
      }
  return read.data;
}

/** Reads a day of the form that the map names as YYYY-MM-DD. @returns undefined if it has another form */
export function dayOf(value: string, form: string): string | undefined {
  if (form === EXCEL) return dayOfExcel(value);
  // One digit is enough for a month and a day, as spreadsheets write them.
  const pattern = form
    .replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replace('YYYY', String.raw`(?<year>\d{4})`)
    .replace('MM', String.raw`(?<month>\d{1,2})`)
    .replace('DD', String.raw`(?<day>\d{1,2})`);
  const found = new RegExp(`^${pattern}$`).exec(value)?.groups;
  if (found === undefined) return undefined;
  return `${found['year']}-${found['month']!.padStart(2, '0')}-${found['day']!.padStart(2, '0')}`;
}

/** Excel counts days from 30 December 1899; a fraction is a time of day. Years 1954 to 2119 have five digits. */
export function dayOfExcel(value: string): string | undefined {
  if (!/^[2-7]\d{4}(?:\.\d+)?$/.test(value)) return undefined;
  return new Date(Date.UTC(1899, 11, 30) + Math.floor(Number(value)) * 86_400_000).toISOString().slice(0, 10);
}
