import { bufferOf } from '@provider-access/events';
import type { AcceptedData } from '@provider-access/records';
import { jsonAfter, type ValueRoom } from './json-bytes.ts';

/** Characters that JSON.stringify writes as they are: those of ASCII without quotation mark, backslash and controls. */
const PLAIN = /^[ !#-[\]-~]*$/;

const text = (value: string): string => (PLAIN.test(value) ? `"${value}"` : JSON.stringify(value));
const optional = (name: string, value: string | undefined): string =>
  value === undefined ? '' : `,"${name}":${text(value)}`;

function texts(name: string, values: readonly string[] | undefined): string {
  if (values === undefined) return '';
  if (values.length === 0) return `,"${name}":[]`;
  const list = PLAIN.test(values.join(' ')) ? `["${values.join('","')}"]` : JSON.stringify(values);
  return `,"${name}":${list}`;
}

/**
 * What JSON.stringify writes of the members of an accepted record, without its line. They are a fixed set of texts and
 * lists of texts, nearly always of plain characters.
 */
function membersOf(data: Omit<AcceptedData, 'line'>): string {
  const { versionId, sequence, tie } = data;
  return (
    `{"member":${text(data.member)},"type":${text(data.type)},"id":${text(data.id)},"versionId":${versionId}` +
    `,"lastUpdated":${text(data.lastUpdated)},"businessTime":${text(data.businessTime)},"sequence":${sequence}` +
    optional('source', data.source) +
    optional('event', data.event) +
    (tie === undefined ? '' : `,"tie":${JSON.stringify(tie)}`) +
    optional('recalled', data.recalled) +
    `,"contentHash":${text(data.contentHash)}` +
    optional('sourceHash', data.sourceHash) +
    optional('serviceDate', data.serviceDate) +
    texts('references', data.references) +
    texts('tokens', data.tokens) +
    optional('tokensBy', data.tokensBy) +
    texts('labels', data.labels) +
    optional('labelsBy', data.labelsBy) +
    texts('targets', data.targets) +
    optional('status', data.status) +
    optional('statusChanged', data.statusChanged) +
    (data.whole === undefined ? '' : `,"whole":${JSON.stringify(data.whole)}`) +
    '}'
  );
}

/** The value of an accepted record: what JSON.stringify writes of it with its line as text, as bytes. */
export const acceptedJson = (data: AcceptedData, values?: ValueRoom): Buffer =>
  jsonAfter(membersOf(data), 'line', bufferOf(data.line), values);
