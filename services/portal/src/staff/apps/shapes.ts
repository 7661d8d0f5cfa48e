import type { components } from '../../../generated/openapi.d.ts';

export type Client = components['schemas']['Client'];
export type Status = Client['status'];

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
export type ShownApp = Omit<Client, 'bindings' | 'reasons'> & {
  readonly history: readonly Step[];
  readonly bindings: readonly Binding[];
  readonly identifiers: readonly Identifier[];
  readonly named_alike: readonly OtherApp[];
  readonly reasons: Readonly<Record<Ending, readonly Choice[]>>;
};

type Named = Pick<Identifier, 'npi' | 'tin'>;
export const valueOf = ({ npi, tin }: Named): string => npi ?? tin ?? '';
export const labelOf = (named: Named): string => `${named.npi === undefined ? 'TIN' : 'NPI'} ${valueOf(named)}`;
export const keyOf = (named: Named): string => `${named.npi === undefined ? 'tin' : 'npi'}|${valueOf(named)}`;
export const isInForce = ({ to }: Binding, now: number): boolean => to === undefined || Date.parse(to) > now;
/** The document has the fields of every client; what only a reviewer sees is described in words. */
export const shown = (client: Client): ShownApp => client as unknown as ShownApp;
