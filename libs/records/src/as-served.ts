import { asTag, codeListsInForce, isCut, isTag, labelRules, withoutLines } from '@provider-access/domain/pdex/labels';
import { serviceDate } from '@provider-access/domain/pdex';
import { bufferOf } from '@provider-access/events';
import type { FhirResource } from '@provider-access/fhir';
import type { AcceptedData } from './record-events.ts';
import { labelsOfRecord } from './record-labels.ts';

/** Each of the views asks for the same record. */
const known = new WeakMap<AcceptedData, AcceptedData>();

/**
 * A record as the rules in force serve it. If other rules wrote it, it is tagged again, and the lines of its claim are
 * cut again, from the whole claim that the event has (ADR 0115). The same object if the rules are the same.
 */
export function asServed(data: AcceptedData): AcceptedData {
  if (data.labels !== undefined && data.labelsBy === labelRules()) return data;
  let served = known.get(data);
  if (served === undefined) known.set(data, (served = taggedAgain(data)));
  return served;
}

function taggedAgain(data: AcceptedData): AcceptedData {
  const { whole, ...rest } = data;
  const former = data.labels?.map((label) => (isCut(label) ? asTag(label) : label));
  const uncut: AcceptedData =
    whole === undefined ? rest : changed(rest, { ...whole, ...(former !== undefined && { labels: former }) });
  const tagged = { ...uncut, labels: [...labelsOfRecord(uncut)], labelsBy: labelRules() };
  const tags = tagged.labels.filter(isTag);
  if (tags.length === 0 || codeListsInForce().lines.length === 0) return tagged;
  const cut = withoutLines(JSON.parse(textOf(uncut.line)) as FhirResource, tags);
  if (cut === undefined) return tagged;
  const line = JSON.stringify(cut.resource);
  const labels = [...tagged.labels.filter((label) => !isTag(label)), ...cut.tags];
  if (line === textOf(data.line)) return { ...data, labels, labelsBy: labelRules() };
  const date = serviceDate(cut.resource);
  const references = uncut.references.filter((reference) => isIn(line, reference));
  return { ...changed(tagged, { line, references, ...(date !== undefined && { serviceDate: date }) }), labels };
}

/**
 * A record with another line. It has no keys, so that readers make them of the line, and no hash, so that the same
 * resource of the payer becomes a version.
 */
function changed(
  { tokensBy: _, serviceDate: _date, ...data }: AcceptedData,
  change: Pick<AcceptedData, 'line' | 'references'> & Partial<Pick<AcceptedData, 'serviceDate' | 'labels'>>,
): AcceptedData {
  return { ...data, ...change, tokens: [], contentHash: '' };
}

const textOf = (line: Uint8Array | string): string => (typeof line === 'string' ? line : bufferOf(line).toString());

/** Whether a line has the reference, relative or below any base. */
const isIn = (line: string, reference: string): boolean =>
  ['"', '/', '|', '#'].some((end) => line.includes(reference + end));
