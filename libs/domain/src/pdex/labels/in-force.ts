import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { type CodeList, digestOf, listsOf } from './codes/code-list.ts';
import type { Label } from './names.ts';
import { type LabelPolicy, lineLabels } from './policy.ts';
import { Tagger } from './codes/tagger.ts';

const NAME = 'provider-access/code-lists';

interface InForce {
  readonly lists: readonly CodeList[];
  /** Labels of which a line of a claim is withheld alone (`lineLabels`). */
  readonly lines: readonly Label[];
  readonly digest: string;
  readonly tagger: Tagger;
}
let inForce: InForce | undefined;
let isPut = false;
type Given = Pick<InForce, 'lists' | 'lines'>;
const ready = ({ lists, lines }: Given): InForce => ({
  lists,
  lines,
  digest: digestOf(lists, lines),
  tagger: new Tagger(lists),
});

/**
 * Puts lists in force for the whole process and the threads that it starts from now on. A process calls it once, before
 * it opens a view. The lists belong to the process, and not to a call, so that no reader can forget them or have others
 * (ADR 0103).
 * @param policy which labels of the lists withhold a line of a claim alone. Without it none does.
 */
export function putInForce(lists: readonly CodeList[], policy: LabelPolicy = {}): void {
  isPut = true;
  const lines = lineLabels(lists, policy);
  if (inForce?.digest === digestOf(lists, lines)) return;
  inForce = ready({ lists, lines });
  setEnvironmentData(NAME, { lists, lines } as unknown as Parameters<typeof setEnvironmentData>[1]);
}

/** Whether this process has put lists in force, because it labels records or reads labels. */
export const isLabelling = (): boolean => isPut;

/** The lists in force: those of the process, or the built-in list. */
export function codeListsInForce(): InForce {
  return (inForce ??= ready(
    (getEnvironmentData(NAME) as unknown as Given | undefined) ?? { lists: listsOf([]), lines: [] },
  ));
}
