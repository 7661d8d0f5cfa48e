/** A line of a plan: the actual and the declared state, and what `apply` does about the difference. */
export interface Row {
  readonly area: 'topics' | 'views' | 'state';
  /** Topic, collection or index, and the setting that differs. */
  readonly what: string;
  readonly is: string;
  readonly shouldBe: string;
  /** `by hand`: apply does not do this, because it would shrink, delete or move data. The note explains how. */
  readonly action: 'none' | 'create' | 'change' | 'by hand';
  readonly note?: string;
}

/** A part of the engines. `plan` and `apply` may run any number of times, and in several processes at once. */
export interface Area {
  plan(): Promise<readonly Row[]>;
  /** @returns the rows of the plan that it applied */
  apply(): Promise<readonly Row[]>;
}

/** What a plan says of something that has no difference. */
export const AS_DECLARED = { is: 'as declared', shouldBe: 'as declared', action: 'none' } as const;

export const differing = (rows: readonly Row[]): readonly Row[] => rows.filter(({ action }) => action !== 'none');

/** Columns padded to the widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => (r[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((c, i) => c.padEnd(widths[i]!))
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)];
}

export function planLines(rows: readonly Row[]): readonly string[] {
  const notes = [...new Set(rows.map(({ note }) => note).filter((n) => n !== undefined))];
  return [
    ...table(
      ['area', 'what', 'is', 'should be', 'action'],
      rows.map((r) => [r.area, r.what, r.is, r.shouldBe, r.action]),
    ),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ];
}
