import table from './units.json' with { type: 'json' };

export const UCUM = 'http://unitsofmeasure.org';

/** A unit of UCUM: what computers read and what people read. */
export interface Unit {
  readonly code: string;
  readonly display: string;
}

/**
 * The common units of UCUM as R4 lists them (`units.json` names the source; `scripts/generate-units.mjs` writes it).
 */
export const COMMON_UNITS: readonly Unit[] = table.units.map((row) => ({ code: row[0]!, display: row[1]! }));
