import type { OPT_OUT_LISTS } from '@provider-access/domain/access';
import type { PayerEventType } from '@provider-access/events';
import type { Statement } from './statement.ts';

/** The values of a row by attribute: only those that the file has, and that are not empty. */
export type Values = Readonly<Record<string, string>>;

export interface ImportKind {
  readonly type: PayerEventType;
  readonly title: string;
  /** Attributes that a column may fill, in the order of the documentation. */
  readonly attributes: readonly string[];
  /** The file must have at least one attribute of each entry. */
  readonly required: readonly (readonly string[])[];
  /** Attributes that are days or instants. */
  readonly days: readonly string[];
  /** Attributes with codes: people write them with capitals and blanks. */
  readonly codes: readonly string[];
  statement(values: Values): Statement;
  /** The attribute that a fault in the event's data comes from. */
  attributeOf(path: string): string;
}

const provider = ({ npi, tin, contract }: Values): Record<string, string | undefined> => ({ npi, tin, contract });
/** Several identifiers in one cell; undefined if it has none. */
function listOf(text: string | undefined): string[] | undefined {
  const parts = text?.split(/[\s;|]+/).filter((part) => part !== '') ?? [];
  return parts.length === 0 ? undefined : parts;
}
function targetsOf(npi: string | undefined, tin: string | undefined): object[] | undefined {
  const targets = [
    ...(listOf(npi) ?? []).map((one) => ({ npi: one })),
    ...(listOf(tin) ?? []).map((one) => ({ tin: one })),
  ];
  return targets.length === 0 ? undefined : targets;
}
/** The columns of the lists of a statement about consent. */
const COLUMNS: Readonly<Record<string, string>> = {
  targets: 'npi',
  purposes: 'purpose',
  payers: 'payer',
  categories: 'category',
} satisfies Record<keyof typeof OPT_OUT_LISTS, string>;
/** `provider.npi` and `targets.0.npi` come from the column of the NPI. */
const last = (path: string): string => path.split('.').at(-1)!;

const columnOf = (path: string): string =>
  COLUMNS[/\.[a-z]+$/.test(path) ? last(path) : path.split('.')[0]!] ?? last(path);

/** In the order in which the files of a folder are imported: what takes access away comes first. */
export const IMPORT_KINDS = {
  'opt-outs': {
    type: 'payer.member-opted-out.v2',
    title: 'members that opted out',
    attributes: [
      'member',
      'scope',
      'npi',
      'tin',
      'purpose',
      'payer',
      'category',
      'effectiveFrom',
      'setBy',
      'channel',
      'reason',
      'time',
    ],
    required: [['member']],
    days: ['effectiveFrom'],
    codes: ['scope', 'setBy'],
    statement: ({ member, scope, npi, tin, purpose, payer, category, effectiveFrom, setBy, channel, reason }) => ({
      type: 'payer.member-opted-out.v2',
      subject: member ?? '',
      data: {
        scope,
        targets: targetsOf(npi, tin),
        purposes: listOf(purpose),
        // Not at a bar, which is part of an identifier.
        payers: payer?.split(/[\s;]+/).filter((part) => part !== ''),
        categories: listOf(category),
        effectiveFrom,
        setBy,
        channel,
        reason,
      },
    }),
    attributeOf: (path) => (path === 'subject' ? 'member' : columnOf(path)),
  },
  'coverage-ends': {
    type: 'payer.member-terminated.v1',
    title: 'members whose coverage ends',
    attributes: ['member', 'coverageId', 'to', 'time'],
    required: [['member'], ['to']],
    days: ['to'],
    codes: [],
    statement: ({ member, coverageId, to }) => ({
      type: 'payer.member-terminated.v1',
      subject: member ?? '',
      data: { coverageId, to },
    }),
    attributeOf: (path) => (path === 'subject' ? 'member' : last(path)),
  },
  'roster-ends': {
    type: 'payer.attribution-ended.v1',
    title: 'members that are no longer attributed to a provider',
    attributes: ['member', 'npi', 'tin', 'contract', 'to', 'time'],
    required: [['member'], ['npi', 'tin'], ['to']],
    days: ['to'],
    codes: [],
    statement: (values) => ({
      type: 'payer.attribution-ended.v1',
      subject: values['member'] ?? '',
      data: { provider: provider(values), to: values['to'] },
    }),
    attributeOf: (path) => (path === 'subject' ? 'member' : path === 'provider' ? 'npi' : last(path)),
  },
  network: {
    type: 'payer.network-status-changed.v1',
    title: 'providers that joined or left the network',
    attributes: ['npi', 'tin', 'status', 'from', 'time'],
    required: [['npi', 'tin'], ['status'], ['from']],
    days: ['from'],
    codes: ['status'],
    statement: ({ npi, tin, status, from }) => ({
      type: 'payer.network-status-changed.v1',
      subject: npi ?? tin ?? '',
      data: { npi, tin, status, from },
    }),
    attributeOf: (path) => (path === '' || path === 'subject' ? 'npi' : last(path)),
  },
  coverage: {
    type: 'payer.member-enrolled.v1',
    title: 'members that have coverage',
    attributes: ['member', 'coverageId', 'from', 'to', 'plan', 'time'],
    required: [['member'], ['coverageId'], ['from']],
    days: ['from', 'to'],
    codes: [],
    statement: ({ member, coverageId, from, to, plan }) => ({
      type: 'payer.member-enrolled.v1',
      subject: member ?? '',
      data: { coverageId, from, to, plan },
    }),
    attributeOf: (path) => (path === 'subject' ? 'member' : last(path)),
  },
  roster: {
    type: 'payer.attribution-asserted.v1',
    title: 'members that are attributed to a provider',
    attributes: ['member', 'npi', 'tin', 'contract', 'from', 'to', 'coverageId', 'basis', 'time'],
    required: [['member'], ['npi', 'tin'], ['from']],
    days: ['from', 'to'],
    codes: [],
    statement: (values) => ({
      type: 'payer.attribution-asserted.v1',
      subject: values['member'] ?? '',
      data: {
        provider: provider(values),
        from: values['from'],
        to: values['to'],
        coverageId: values['coverageId'],
        basis: values['basis'],
      },
    }),
    attributeOf: (path) => (path === 'subject' ? 'member' : path === 'provider' ? 'npi' : last(path)),
  },
  'opt-ins': {
    type: 'payer.member-opted-in.v2',
    title: 'members that opted in again',
    attributes: ['member', 'scope', 'npi', 'tin', 'effectiveFrom', 'setBy', 'channel', 'reason', 'time'],
    required: [['member']],
    days: ['effectiveFrom'],
    codes: ['scope', 'setBy'],
    statement: ({ member, scope, npi, tin, effectiveFrom, setBy, channel, reason }) => ({
      type: 'payer.member-opted-in.v2',
      subject: member ?? '',
      data: { scope, targets: targetsOf(npi, tin), effectiveFrom, setBy, channel, reason },
    }),
    attributeOf: (path) => (path === 'subject' ? 'member' : columnOf(path)),
  },
} as const satisfies Record<string, ImportKind>;
export type ImportName = keyof typeof IMPORT_KINDS;
export const IMPORT_NAMES = Object.keys(IMPORT_KINDS) as ImportName[];
