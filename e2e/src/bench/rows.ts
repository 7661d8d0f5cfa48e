/**
 * One figure, as a ratio to raw work measured in the same minute where there is some. See docs/performance/README.md.
 */
export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: string;
  readonly ratio?: number;
  readonly aim?: string;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
export const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))]!;

export function printRows(rows: readonly Row[]): void {
  for (const { what, value, unit, ratio, baseline, aim } of rows) {
    const figure = `${what.padEnd(44)} ${value.toFixed(value < 100 ? 1 : 0).padStart(9)} ${unit.padEnd(13)}`;
    const share = ratio === undefined ? '' : ` ${ratio.toFixed(ratio < 0.1 ? 3 : 2)} of ${baseline}`;
    console.log(figure + share + (aim === undefined ? '' : `  (aim ${aim})`));
  }
}
export const note = (text: string): void => void process.stderr.write(`bench: ${text}\n`);
