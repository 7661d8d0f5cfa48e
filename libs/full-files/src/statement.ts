import { randomUUID } from 'node:crypto';
import { type DomainEvent, isNpi, PAYER_CONTRACT, type PayerEventType, type PayerEvent } from '@provider-access/events';
import { isCategory, isPayerIdentifier, isPurposeOfUse, OPT_OUT_LISTS } from '@provider-access/domain/access';
import { dateRange, isObject } from '@provider-access/fhir';

export const SOURCE = 'urn:provider-access:pa';

/** What a payer states of a member or a provider, before it has an id and a time. */
export interface Statement {
  readonly type: PayerEventType;
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}
interface Envelope {
  readonly id?: string;
  readonly time?: string;
  readonly source?: string;
}

/** The event of a statement. Attributes that are undefined are left out. */
export function eventOf({ type, subject, data }: Statement, { id, time, source }: Envelope = {}): DomainEvent {
  return {
    id: id ?? randomUUID(),
    source: source ?? SOURCE,
    type,
    time: time ?? new Date().toISOString(),
    subject,
    data: JSON.parse(JSON.stringify(data)) as unknown,
  };
}
export interface Fault {
  /** The attribute of the data, such as `provider.npi`; `subject`, or '' for the statement as a whole. */
  readonly path: string;
  readonly text: string;
}

/**
 * What is wrong with an event: what the server refuses, by its own schema, and what it accepts and then reads more
 * strictly than its sender means. Empty if nothing is wrong.
 */
export function faultsOf(event: DomainEvent): readonly Fault[] {
  const read = PAYER_CONTRACT.read(event);
  if (read.ok) return [...wrongNpis(event.data), ...contradictions(read.event)];
  const { reason, detail } = read.fault;
  if (reason !== 'invalid-data') return [{ path: 'subject', text: detail }];
  const faults = new Map<string, Fault>();
  for (const fault of detail.split('; ')) {
    const [, path = '', text = fault] = /^data\.?(\S*): (.*)$/.exec(fault) ?? [];
    // The first fault of an attribute says enough: the others follow from it.
    if (!faults.has(path)) faults.set(path, { path, text });
  }
  return [...faults.values()];
}

/** NPIs with a wrong check digit: the server stores them, and no provider has them. */
function wrongNpis(data: unknown, path = ''): readonly Fault[] {
  if (Array.isArray(data)) return data.flatMap((item, index) => wrongNpis(item, `${path}${index}.`));
  if (!isObject(data)) return [];
  return Object.entries(data).flatMap(([name, value]) =>
    name === 'npi' && typeof value === 'string' && !isNpi(value)
      ? [{ path: `${path}npi`, text: 'not an NPI: it begins with 1 or 2 and its last digit is a check digit' }]
      : wrongNpis(value, `${path}${name}.`),
  );
}

type OptOutData = Extract<PayerEvent, { type: 'payer.member-opted-out.v2' }>['data'];
type ListName = keyof typeof OPT_OUT_LISTS;
/** What is in the list of a scope. */
const CONTENT: Readonly<Record<ListName, { readonly names: string; readonly understood: (one: string) => boolean }>> = {
  targets: { names: 'a provider: an NPI or a TIN', understood: () => true },
  purposes: { names: 'a purpose: a code such as HPAYMT', understood: isPurposeOfUse },
  payers: { names: 'a payer: system|value or Organization/ID', understood: isPayerIdentifier },
  categories: { names: 'a category: a code such as 207RC0000X', understood: isCategory },
};

/** What the server would take for an opt-out of all providers, although its sender means less. */
function contradictionsOfOptOut(data: OptOutData): readonly Fault[] {
  return Object.entries(OPT_OUT_LISTS).flatMap(([path, scope]): readonly Fault[] => {
    const { names, understood } = CONTENT[path as ListName];
    const list: readonly unknown[] | undefined = data[path as ListName];
    if (data.scope === scope && (list === undefined || list.length === 0))
      return [{ path, text: `a ${scope} opt-out names ${names}` }];
    if (data.scope !== scope && list !== undefined)
      return [{ path: 'scope', text: `an opt-out of the scope ${data.scope} names no ${path}: ${scope} does` }];
    const [odd] = (list ?? []).filter((one) => typeof one === 'string' && !understood(one));
    return odd === undefined ? [] : [{ path, text: `"${String(odd)}" is not ${names}` }];
  });
}

function contradictions(event: PayerEvent): readonly Fault[] {
  const { data, type } = event;
  if (type === 'payer.member-opted-out.v2') return contradictionsOfOptOut(event.data);
  const { from, to } = data as { from?: unknown; to?: unknown };
  if (typeof from !== 'string' || typeof to !== 'string') return [];
  return dateRange(from)!.start < dateRange(to)!.end
    ? []
    : [{ path: 'to', text: 'the end lies before the beginning (from)' }];
}
