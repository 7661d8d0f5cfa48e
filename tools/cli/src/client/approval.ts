import { CliError } from '../output.ts';
import type { Server } from './server.ts';

/** The answer of `GET /auth/clients/{id}` about an NPI or TIN (services/auth/src/operations/clients/identifiers.ts). */
export interface Identifier {
  readonly npi?: string;
  readonly tin?: string;
  readonly claimed: boolean;
  readonly bound: boolean;
  readonly evidence?: string;
  readonly directory?: readonly { readonly resource: string; readonly name: string }[];
  readonly network: string;
  readonly bound_to: readonly { readonly client_id: string; readonly client_name: string; readonly status: string }[];
}

/**
 * Approves an app for everything that it claims, even if another client has it. This is for apps that the caller
 * registered itself, such as those of the probe and of tests. A reviewer looks at each identifier instead (`pa apps
 * approve`).
 */
export async function approveOwn(server: Server, client: string, token: string, reason: string): Promise<void> {
  const path = `/auth/clients/${encodeURIComponent(client)}`;
  const { identifiers } = await server.json<{ identifiers?: readonly Identifier[] }>(path, { token });
  // A platform of an earlier release shows no identifiers and accepts none.
  const named =
    identifiers === undefined
      ? {}
      : {
          identifiers: identifiers
            .filter((i) => i.claimed)
            .map(({ npi, tin }) => ({
              ...(npi !== undefined && { npi }),
              ...(tin !== undefined && { tin }),
              evidence: reason,
            })),
          sharedWith: [...new Set(identifiers.flatMap((i) => i.bound_to.map((other) => other.client_id)))],
        };
  const approve = (more: object): Promise<unknown> =>
    server.post(`${path}/approve`, { reason, ...named, ...more }, { token });
  // Only when it is asked for: a platform of an earlier release does not know the field.
  await approve({}).catch((error: unknown) => {
    if (!(error instanceof CliError && error.message.includes('confirm: ['))) throw error;
    return approve({ confirm: (identifiers ?? []).filter((i) => i.claimed).map(({ npi, tin }) => npi ?? tin) });
  });
}
