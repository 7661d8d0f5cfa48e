import { hash } from 'node:crypto';
import type { PayerEvent } from './payer-contract.ts';
import type { FileKind } from './file-events.ts';
import { providerKeys } from './provider-key.ts';

/** A row of a full file, as it is compared: what names it beside its subject, and its values (ADR 0107). */
export interface FileRow {
  readonly kind: FileKind;
  readonly key: string;
  /** Null if the statement ends the row. */
  readonly row: Readonly<Record<string, unknown>> | null;
}

/** Attributes without a value are left out, so that two equal rows are equal texts. */
const given = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
/** One text for a provider, in whatever form a file writes its numbers. */
const providerOf = (provider: Parameters<typeof providerKeys>[0] & { contract?: string | undefined }): string =>
  JSON.stringify([...providerKeys(provider), provider.contract ?? null]);

type Reach = Omit<Extract<PayerEvent, { type: 'payer.opt-out-withdrawn.v1' }>['data'], 'file'>;
/** Whom an opt-out bars, as its source wrote it. */
const reachKey = ({ scope, targets, purposes, payers, categories }: Reach): string =>
  JSON.stringify([scope, targets ?? purposes ?? payers ?? categories ?? null]);

/** What an event says about a row of a file; undefined for an event that no row states. Pure. */
export function fileRowOf(event: PayerEvent): FileRow | undefined {
  switch (event.type) {
    case 'payer.attribution-asserted.v1': {
      const { file: _file, provider, ...values } = event.data;
      return { kind: 'roster', key: providerOf(provider), row: given({ ...provider, ...values }) };
    }
    case 'payer.attribution-ended.v1':
      return { kind: 'roster', key: providerOf(event.data.provider), row: null };
    case 'payer.member-enrolled.v1': {
      const { file: _file, ...values } = event.data;
      return { kind: 'coverage', key: event.data.coverageId, row: given(values) };
    }
    case 'payer.member-terminated.v1': {
      const { coverageId } = event.data;
      return coverageId === undefined ? undefined : { kind: 'coverage', key: coverageId, row: null };
    }
    case 'payer.network-status-changed.v1': {
      const { file: _file, absent, ...values } = event.data;
      return {
        kind: 'network',
        key: JSON.stringify(providerKeys(values)),
        row: absent === true ? null : given(values),
      };
    }
    case 'payer.member-opted-out.v2': {
      const { file: _file, scope = 'global', setBy = 'member', ...values } = event.data as Partial<typeof event.data>;
      return { kind: 'opt-outs', key: reachKey({ scope, ...values }), row: given({ scope, setBy, ...values }) };
    }
    case 'payer.opt-out-withdrawn.v1':
      return { kind: 'opt-outs', key: reachKey(event.data), row: null };
    default:
      return undefined;
  }
}

/**
 * A short name of the row of a full file that an opt-out, or its withdrawal, is about: source, member and reach. A
 * person may have several member ids, so each id has a row of its own. Undefined for what no full file states.
 */
export function optOutRow(event: PayerEvent): string | undefined {
  const { file } = event.data as { readonly file?: { readonly source: string } };
  const row = file === undefined ? undefined : fileRowOf(event);
  if (row?.kind !== 'opt-outs') return undefined;
  return hash('sha256', JSON.stringify([file!.source, event.subject, row.key]), 'base64url').slice(0, 22);
}
