import type { Projection } from './projection.ts';

/** Whose extracts to read. */
export interface ExtractsOptions {
  /** Who computes them, for example `export`. */
  readonly name: string;
  /** The form of their content. Extracts of another form are not found. */
  readonly form: string;
  /** The views from whose documents they are computed. Each names its subjects (`Projection.subject`). */
  readonly of: readonly Projection[];
  /** Most bytes of the bodies of all extracts in the store. A full store keeps no more. */
  readonly maxBytes: number;
}

/** What was computed from the documents of a subject. A reserved extract has no head and no body yet. */
export interface Extract {
  readonly id: number;
  /** A value of JSON. */
  readonly head?: unknown;
  readonly body?: Uint8Array;
}
export type FilledExtract = Required<Extract>;

/**
 * A cache of what readers compute from all documents of a subject, for example of a member. The engine removes an
 * extract in the transaction that writes or removes a document of its subject in one of the views, whoever writes it.
 * So an extract is never older than the documents, and does not outlive them.
 *
 * To fill one: reserve the subject, `get` the extract, then read the documents, then `put`. A document that was written
 * after `get` has removed the reservation, so `put` keeps nothing.
 */
export interface Extracts {
  get(subject: string): Promise<Extract | undefined>;
  /** Only for the process that writes the store. */
  reserve(subjects: readonly string[]): Promise<void>;
  /** Fills reserved extracts. Returns how many are kept. Only for the process that writes the store. */
  put(filled: readonly FilledExtract[]): Promise<number>;
}
