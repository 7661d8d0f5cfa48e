import ts from 'typescript';

/** The parts of the platform that are declared once. Each has at least ten faults. */
export type Declaration = 'operation' | 'event' | 'engine' | 'intake' | 'wiring' | 'proofs' | 'model';

/** How the fault is written in one state of the code. Code that moves gets another form in front of this one. */
interface Form {
  /** The product file, relative to the root of the repository. */
  readonly file: string;
  /** A text that the file contains once. The form applies if this text and its suites are there. */
  readonly find: string;
  readonly replace: string;
  /** The spec files that cover the place. Default: those of the fault. `types`: the compiler refuses the fault. */
  readonly suites?: readonly string[] | 'types';
}
export interface Fault {
  /** A short name, which never changes. */
  readonly id: string;
  /** What goes wrong for whom. */
  readonly what: string;
  /** The spec files that cover the place, relative to the root of the repository. */
  readonly suites: readonly string[];
  /** The newest first. */
  readonly forms: readonly Form[];
}

/** Folders that moved, and where they were before. */
const FORMER: readonly (readonly [now: string, before: string])[] = [
  ['tools/proofs/src/search/', 'libs/kernel/src/fhir/search/'],
  ['tools/proofs/src/', 'services/standalone/test/'],
  ['libs/fhir/src/', 'libs/kernel/src/fhir/'],
  ['libs/records/src/', 'libs/facts/src/records/'],
  ['libs/levels/src/', 'libs/audit/src/service-levels/'],
];
const placesOf = (path: string): string[] => [
  path,
  ...FORMER.filter(([now]) => path.startsWith(now)).map(([now, before]) => path.replace(now, before)),
];

/** A product file with the fault in it, and what should find the fault. */
export interface Planted {
  readonly file: string;
  readonly text: string;
  readonly suites: readonly string[] | 'types';
}

/**
 * Writes a fault into the code.
 * @param read the text of a file; undefined if there is no such file
 * @throws Error that names the fault if no form applies, or if the result is no TypeScript
 */
export function plant(fault: Fault, read: (file: string) => string | undefined): Planted {
  for (const { file: now, find, replace, suites = fault.suites } of fault.forms) {
    const file = placesOf(now).find(read) ?? now;
    const parts = read(file)?.split(find) ?? [];
    if (parts.length !== 2) continue;
    const present = suites === 'types' ? suites : suites.flatMap((suite) => placesOf(suite).find(read) ?? []);
    if (present.length < suites.length) continue;
    const text = parts.join(replace);
    const { diagnostics = [] } = ts.transpileModule(text, { reportDiagnostics: true, fileName: file });
    if (diagnostics.length > 0) throw new Error(`${fault.id}: the edit of ${file} is no TypeScript`);
    return { file, text, suites: present };
  }
  const files = fault.forms.map(({ file }) => file).join(', ');
  throw new Error(
    `${fault.id}: no form of the fault applies (${fault.what}). Its text must occur once in ${files}, and its suites ` +
      'must exist. Add a form for the place to which the code or a suite moved (tools/maintenance/src/faults).',
  );
}
