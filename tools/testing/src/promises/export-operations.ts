import type { Draw } from './drawing.ts';

/** What the files of an export have, and in which order. */
const FORMS = ['files', 'list', 'files and list', 'organized'] as const;
/** What an export asks for. Absent: everything of everybody, by Bulk Data's operation. */
export interface Ask {
  readonly form: (typeof FORMS)[number];
  /** The patients that it names. Practice B has only member 0 at the beginning. `unknown`: nobody has this id. */
  readonly patients?: readonly (number | 'unknown')[] | undefined;
  /** Da Vinci's operation ignores patients of whom nothing can be released. Bulk Data's refuses them. */
  readonly davinci: boolean;
}
export type ExportOperation =
  | { readonly op: 'export'; readonly client: number; readonly ask?: Ask | undefined; readonly via: number }
  /**
   * An export of the changes since another one, which asks for the same. `which` counts from the newest, here and in
   * `download`.
   */
  | { readonly op: 'delta'; readonly which: number; readonly via: number }
  | { readonly op: 'download'; readonly which: number; readonly range: boolean; readonly via: number };

export const EXPORT_WEIGHTS: Readonly<Record<ExportOperation['op'], number>> = { export: 4, delta: 1, download: 4 };
const OPS = Object.keys(EXPORT_WEIGHTS) as ExportOperation['op'][];
export const isOfExport = <O extends { readonly op: string }>(operation: O): operation is O & ExportOperation =>
  (OPS as readonly string[]).includes(operation.op);

export function exportOperation(op: ExportOperation['op'], draw: Draw): ExportOperation {
  const one = <T>(from: readonly T[]): T => from[draw(from.length)]!;
  const via = draw(2);
  switch (op) {
    case 'export':
      return { op, client: one([0, 0, 1]), ask: draw(3) === 0 ? undefined : askOf(draw), via };
    case 'delta':
      return { op, which: draw(2), via };
    case 'download':
      return { op, which: draw(3), range: draw(2) === 0, via };
  }
}

function askOf(draw: Draw): Ask {
  const one = <T>(from: readonly T[]): T => from[draw(from.length)]!;
  const form = one(FORMS);
  const patients = one<Ask['patients']>([undefined, [0], [1], [0, 2], [1, 'unknown', 0], ['unknown']]);
  return { form, patients, davinci: form === 'list' || draw(2) === 0 };
}
