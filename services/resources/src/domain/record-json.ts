import { bufferOf } from '@provider-access/events';
import type { AcceptedData } from '@provider-access/records';
import { JsonBytes, type ValueRoom } from './json-bytes.ts';

const json = new JsonBytes();

function text(name: string, value: string | undefined): void {
  if (value === undefined) return;
  json.ascii(name);
  json.text(value);
}

function texts(name: string, values: readonly string[] | undefined): void {
  if (values === undefined) return;
  json.ascii(name);
  json.ascii('[');
  for (let at = 0; at < values.length; at++) {
    if (at > 0) json.ascii(',');
    json.text(values[at]!);
  }
  json.ascii(']');
}

function other(name: string, value: object | undefined): void {
  if (value === undefined) return;
  json.ascii(name);
  json.raw(JSON.stringify(value));
}

/**
 * The value of an accepted record: what JSON.stringify writes of it with its line as text, as bytes. Its members are a
 * fixed set of texts and lists of texts, nearly always of plain characters.
 */
export function acceptedJson(data: AcceptedData, values?: ValueRoom): Buffer {
  json.start();
  text('{"member":', data.member);
  text(',"type":', data.type);
  text(',"id":', data.id);
  json.ascii(`,"versionId":${data.versionId}`);
  text(',"lastUpdated":', data.lastUpdated);
  text(',"businessTime":', data.businessTime);
  json.ascii(`,"sequence":${data.sequence}`);
  text(',"source":', data.source);
  text(',"event":', data.event);
  other(',"tie":', data.tie);
  text(',"recalled":', data.recalled);
  text(',"contentHash":', data.contentHash);
  text(',"sourceHash":', data.sourceHash);
  text(',"serviceDate":', data.serviceDate);
  texts(',"references":', data.references);
  texts(',"tokens":', data.tokens);
  text(',"tokensBy":', data.tokensBy);
  texts(',"labels":', data.labels);
  text(',"labelsBy":', data.labelsBy);
  texts(',"targets":', data.targets);
  text(',"status":', data.status);
  text(',"statusChanged":', data.statusChanged);
  other(',"whole":', data.whole);
  json.ascii(',"line":');
  json.quoted(bufferOf(data.line));
  json.ascii('}');
  return json.done(values);
}
