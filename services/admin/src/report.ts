/** What is, what should be, and what `apply` does about it. */
export interface Row {
  readonly area: 'topics' | 'views' | 'state';
  /** Topic, collection or index, with the setting where one differs. */
  readonly what: string;
  readonly is: string;
  readonly shouldBe: string;
  /** `by hand`: apply never shrinks, deletes or moves data; the note says the way. */
  readonly action: 'none' | 'create' | 'change' | 'by hand';
  readonly note?: string;
}

/** Something that can be planned and applied; both may run any number of times, also at once. */
export interface Area {
  readonly name: Row['area'];
  plan(): Promise<readonly Row[]>;
  /** What it found and did: the rows of the plan that it worked from. */
  apply(): Promise<readonly Row[]>;
}

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
