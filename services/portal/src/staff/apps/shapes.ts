import type { components, paths } from '../../../generated/openapi.d.ts';

export type Client = components['schemas']['Client'];
export type Status = Client['status'];
type Listed = paths['/auth/clients']['get']['responses'][200]['content']['application/json'];
/** What is known about the identifiers of an app, as counts. */
export type Checks = NonNullable<Listed['checks']>[string];

/** Another app, as the list of an identifier has it. */
interface OtherApp {
  readonly client_id: string;
  readonly client_name?: string;
}
export interface Identifier {
  readonly npi?: string;
  readonly tin?: string;
  /** Empty if nobody published it, absent while the directory is unavailable. */
  readonly directory?: readonly { readonly name?: string }[];
  readonly network: string;
  readonly bound_to: readonly OtherApp[];
  readonly bound?: boolean;
}
export interface Binding {
  readonly npi?: string;
  readonly tin?: string;
  readonly from: string;
  readonly to?: string;
  readonly by?: string;
  readonly evidence?: string;
  readonly reason?: string;
}
/** A set of keys of an app. */
export interface KeySet {
  readonly from: string;
  readonly to?: string;
  readonly accepted_until?: string;
  readonly jwks_uri?: string;
  readonly keys: readonly { readonly kid?: string; readonly kty?: string; readonly thumbprint?: string }[];
}
interface Step {
  readonly status: Status;
  readonly at: string;
  readonly by?: string;
  readonly reason?: string;
  readonly note?: string;
}
export type Ending = 'reject' | 'suspend' | 'revoke' | 'end';
interface Choice {
  readonly code: string;
  readonly text: string;
}
/** What `GET /auth/clients/{client}` has beside the fields of every client. */
export type ShownApp = Omit<Client, 'bindings' | 'reasons' | 'key_history'> & {
  readonly history: readonly Step[];
  readonly bindings: readonly Binding[];
  readonly bindings_not_shown?: number;
  readonly key_history: readonly KeySet[];
  readonly key_history_not_shown?: number;
  readonly identifiers: readonly Identifier[];
  readonly named_alike: readonly OtherApp[];
  readonly reasons: Readonly<Record<Ending, readonly Choice[]>>;
};

type Named = Pick<Identifier, 'npi' | 'tin'>;
export const valueOf = ({ npi, tin }: Named): string => npi ?? tin ?? '';
export const labelOf = (named: Named): string => `${named.npi === undefined ? 'TIN' : 'NPI'} ${valueOf(named)}`;
export const keyOf = (named: Named): string => `${named.npi === undefined ? 'tin' : 'npi'}|${valueOf(named)}`;
export const isInForce = ({ to }: Binding, now: number): boolean => to === undefined || Date.parse(to) > now;
/** From and to, ms since the epoch. `to` is Infinity while it lasts. */
export interface Span {
  readonly from: number;
  readonly to: number;
}
/** When the app was approved, as its history says. */
export function approvedSpans({ history }: Pick<ShownApp, 'history'>, now: number): readonly Span[] {
  const spans: Span[] = [];
  let from: number | undefined;
  for (const { status, at } of history) {
    const when = Date.parse(at);
    if (status === 'approved') from ??= when;
    else if (from !== undefined) {
      spans.push({ from, to: when });
      from = undefined;
    }
  }
  return from === undefined ? spans : [...spans, { from: Math.min(from, now), to: Infinity }];
}
/** The parts of a span that lie in others. */
export const overlap = (span: Span, others: readonly Span[]): readonly Span[] =>
  others
    .map((other) => ({ from: Math.max(span.from, other.from), to: Math.min(span.to, other.to) }))
    .filter(({ from, to }) => from < to);
/** The document has the fields of every client; what only a reviewer sees is described in words. */
export const shown = (client: Client): ShownApp => client as unknown as ShownApp;
