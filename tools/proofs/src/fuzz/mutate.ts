import { readdirSync, readFileSync } from 'node:fs';
import type { NewRecord } from '@provider-access/engines/log';
import type { Draw } from '@provider-access/testing/promises';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Structured = { [key: string]: Json };
const folder = new URL('../../../../libs/events/fixtures/', import.meta.url);
/** A published fixture of every event type that payers send. */
const VALID: readonly Structured[] = readdirSync(folder)
  .filter((file) => file.startsWith('payer.'))
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Structured);

const deep = (levels: number): Json => {
  let value: Json = 'x';
  for (let i = 0; i < levels; i++) value = [value];
  return value;
};
/** Replacements for a value: wrong types, impossible values, and values that code tends to trust. */
const VALUES: readonly (() => Json)[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    '',
    ' ',
    'x',
    '\u0000',
    '\u202e',
    '\ud800',
    '{INR}',
    'Infinity',
    '__proto__',
    'constructor',
  ].map((v) => () => v),
  ...[
    '2026-02-30',
    '2026-06-31',
    '2025-02-29',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:00+15:00',
    '2026-12-31T23:59:60Z',
    '9999-12-31',
    '0000-01-01',
    '0001-01-01',
    '2026-13-01',
    '20260101',
    '2999-01-01T00:00:00Z',
  ].map((v) => () => v),
  () => [],
  () => ({}),
  () => [[]],
  () => ({ resourceType: 'Coverage' }),
  () => deep(200),
  () => 'x'.repeat(5_000),
  () => `urn:oid:1${'.1'.repeat(20_000)}`,
  () => 'Patient/member-1',
  () => 'Coverage',
  () => '1234567893',
];
const ATTRIBUTES = ['specversion', 'id', 'source', 'type', 'time', 'subject'];
const TYPES = [
  'payer.member-opted-out.v2',
  'payer.member-optedout.v1',
  'Payer.Member-Opted-Out.V1',
  'payer.weather-changed.v1',
  'pa.opted-in.v1',
  'pa.progress.v1',
  'payer.resource-recorded.v1',
  'payer.members-merged.v1',
];

/** The place of every value, as container and key. */
function places(value: Json, out: { readonly in: Json[] | Structured; readonly key: string }[] = []): typeof out {
  if (typeof value !== 'object' || value === null) return out;
  for (const key of Object.keys(value)) {
    out.push({ in: value, key });
    places((value as Structured)[key]!, out);
  }
  return out;
}

function mutateData(data: Json, draw: Draw): Json {
  const holder: Structured = { data };
  for (let n = 1 + draw(2); n > 0; n--) {
    const all = places(holder);
    if (all.length === 0) break;
    const place = all[draw(all.length)]!;
    const container = place.in as Structured;
    switch (draw(5)) {
      case 0:
        delete container[place.key];
        break;
      case 1:
        Object.defineProperty(container, ['__proto__', 'extension', 'unknown', 'contained', 'resourceType'][draw(5)]!, {
          value: VALUES[draw(VALUES.length)]!(),
          enumerable: true,
          configurable: true,
          writable: true,
        });
        break;
      default:
        container[place.key] = VALUES[draw(VALUES.length)]!();
    }
  }
  return holder['data'] ?? null;
}

/** A record that a faulty producer may append to a topic of a payer. */
export interface Mutated {
  readonly topic: 'payer.member-events' | 'payer.provider-events';
  readonly record: NewRecord;
  /** Description of the mutation, for failure messages. */
  readonly what: string;
}

/**
 * The n-th mutated event. Unless they are mutated, its id, source and receipt are unique, and it concerns only
 * `members`.
 */
export function mutated(n: number, draw: Draw, members: readonly string[]): Mutated {
  const event = structuredClone(VALID[draw(VALID.length)]!);
  const provider =
    String(event['type']).startsWith('payer.provider') || String(event['type']).startsWith('payer.network');
  const subject = members[draw(members.length)]!;
  const text = JSON.stringify(event['data'])
    .replaceAll('member-1', subject)
    .replaceAll('member-2', members[draw(members.length)]!);
  Object.assign(event, {
    id: `fuzz-${n}`,
    source: 'urn:fuzz',
    pareceipt: `fuzz-${n}`,
    data: JSON.parse(text) as Json,
    ...(!provider && { subject }),
  });
  const kind = draw(10);
  if (kind < 7) event['data'] = mutateData(event['data']!, draw);
  else if (kind < 9) {
    const name = ATTRIBUTES[draw(ATTRIBUTES.length)]!;
    if (draw(6) === 0) delete event[name];
    else event[name] = name === 'type' && draw(2) === 0 ? TYPES[draw(TYPES.length)]! : VALUES[draw(VALUES.length)]!();
  }
  const what =
    `${String(event['type'])} ` +
    `${['data', 'data', 'data', 'data', 'data', 'data', 'data', 'attribute', 'attribute', 'bytes'][kind]}`;
  const topic = provider === draw(20) > 0 ? 'payer.provider-events' : 'payer.member-events';
  const key = typeof event['subject'] === 'string' && draw(20) > 0 ? event['subject'] : subject;
  const place = { key, partitionKey: key };
  if (draw(4) === 0) {
    const value = damaged(JSON.stringify(event), kind === 9, draw);
    return {
      topic,
      what: `${what} structured`,
      record: { ...place, headers: { 'content-type': 'application/cloudevents+json' }, value },
    };
  }
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  for (const [name, value] of Object.entries(event))
    if (name !== 'data' && name !== 'datacontenttype')
      headers[`ce_${name}`] = typeof value === 'string' ? value : JSON.stringify(value);
  return {
    topic,
    what,
    record: { ...place, headers, value: damaged(JSON.stringify(event['data'] ?? null), kind === 9, draw) },
  };
}

/** Cuts, repeats or changes bytes. */
function damaged(text: string, damage: boolean, draw: Draw): Buffer {
  const bytes = Buffer.from(text);
  if (!damage || bytes.length === 0) return bytes;
  const at = draw(bytes.length);
  switch (draw(3)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes, bytes.subarray(at)]);
    default:
      bytes[at] = draw(256);
      return bytes;
  }
}
