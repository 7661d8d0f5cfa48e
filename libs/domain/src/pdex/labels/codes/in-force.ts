import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { type CodeList, digestOf, listsOf } from './code-list.ts';
import { Tagger } from './tagger.ts';

const NAME = 'provider-access/code-lists';

interface InForce {
  readonly lists: readonly CodeList[];
  readonly digest: string;
  readonly tagger: Tagger;
}
let inForce: InForce | undefined;
let isPut = false;
const ready = (lists: readonly CodeList[]): InForce => ({ lists, digest: digestOf(lists), tagger: new Tagger(lists) });

/**
 * Puts lists in force for the whole process and the threads that it starts from now on. A process calls it once, before
 * it opens a view. The lists belong to the process, and not to a call, so that no reader can forget them or have others
 * (ADR 0103).
 */
export function putInForce(lists: readonly CodeList[]): void {
  isPut = true;
  if (inForce?.digest === digestOf(lists)) return;
  inForce = ready(lists);
  setEnvironmentData(NAME, lists as unknown as Parameters<typeof setEnvironmentData>[1]);
}

/** Whether this process has put lists in force, because it labels records or reads labels. */
export const isLabelling = (): boolean => isPut;

/** The lists in force: those of the process, or the built-in list. */
export function codeListsInForce(): InForce {
  return (inForce ??= ready((getEnvironmentData(NAME) as unknown as readonly CodeList[] | undefined) ?? listsOf([])));
}
