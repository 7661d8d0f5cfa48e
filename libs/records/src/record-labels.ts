import {
  asCut,
  codeListsInForce,
  isCut,
  isTag,
  type Label,
  labelRules,
  labelsOf,
  mentionsLabel,
  tagged,
} from '@provider-access/domain/pdex/labels';
import { bufferOf } from '@provider-access/events';
import { type FhirResource, targetsOf } from '@provider-access/fhir';
import type { RecordPart } from './record.ts';

/**
 * A record with what is needed to know its labels. `line` may be absent if `labels` and `targets` are there.
 * `references` tell its coverages: with a table of lines, a record without them is left out.
 */
export interface Labelled
  extends
    Pick<RecordPart, 'member' | 'type' | 'id' | 'labels' | 'labelsBy' | 'targets' | 'deleted'>,
    Partial<Pick<RecordPart, 'references'>> {
  readonly line?: Uint8Array | string;
}

/**
 * What the JSON text of a head has if the rules in force found no labels. No value can contain it, because JSON
 * escapes quotation marks inside values. A tombstone, and a record of an earlier release, do not have it. It lacks the
 * quotation mark before the name, because a search stops at every quotation mark of the text, and then takes three
 * times as long.
 */
export function unlabelled(): string {
  const rules = labelRules();
  // Asked for each record, and the rules change only when the process starts with other lists.
  if (rules !== plain.rules) plain = { rules, text: `labels":[],"labelsBy":${JSON.stringify(rules)}` };
  return plain.text;
}
let plain: { readonly rules?: string; readonly text: string } = { text: '' };

const textOf = (line: Uint8Array | string): string | Buffer => (typeof line === 'string' ? line : bufferOf(line));
const parsed = (line: Uint8Array | string): FhirResource => JSON.parse(textOf(line).toString()) as FhirResource;

/** Whether the rules in force found the labels beside the line. Others, or another list of codes, overlooked some. */
export const hasAllLabels = ({ labels, labelsBy }: Pick<Labelled, 'labels' | 'labelsBy'>): boolean =>
  labels !== undefined && labelsBy === labelRules();

/**
 * The labels of a stored record. If other rules found them, the line is searched again, for codes of lists too.
 */
export function labelsOfRecord(record: Pick<Labelled, 'labels' | 'labelsBy' | 'line'>): readonly Label[] {
  const { labels = [] } = record;
  if (hasAllLabels(record)) return labels;
  const { line } = record;
  if (line === undefined) throw new Error('the labels of a record of an earlier release need its line');
  const resource = parsed(line);
  const found = mentionsLabel(textOf(line)) ? labelsOf(resource) : [];
  // The line may lack a part that had a label, or a code that a list still has.
  const { tagger, lines } = codeListsInForce();
  const tags = tagger.again(resource, labels.filter(isTag));
  // The lines of these codes are gone. If such a code withholds the claim today, it withholds the rest too.
  const cut = tagger.ofCut(labels.filter(isCut)).map((tag) => (lines.includes(tagged(tag)) ? asCut(tag) : tag));
  const given = labels.filter((label) => !isTag(label) && !isCut(label));
  const more = found.filter((label) => !given.includes(label));
  return [...new Set([...(more.length === 0 ? given : [...given, ...more].toSorted()), ...tags, ...cut])];
}

/** `Type/id` of the targets of a Provenance, by its line. */
export const targetsOfLine = (line: Uint8Array | string): readonly string[] => targetsOf(parsed(line));
