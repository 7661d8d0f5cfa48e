import { Inject, Injectable } from '@nestjs/common';
import { BY_THE_APP, REQUESTED_BY_APP } from '@provider-access/domain/pdex/reasons';
import type { ClientRegistration } from '@provider-access/facts';
import { Applications } from './applications.ts';
import { Clients } from './clients.ts';
import { Registry } from './registry.ts';

/** Whether the app ended its registration itself, and with it the registration access token. */
export function endedItself({ status, history }: ClientRegistration): boolean {
  const { by, reason } = history.at(-1) ?? {};
  return status === 'revoked' && by === BY_THE_APP && reason === REQUESTED_BY_APP;
}

/** Ends registrations on the wish of their apps (APPS.md P27, P44). */
@Injectable()
export class OwnEndings {
  constructor(
    @Inject(Clients) private readonly clients: Clients,
    @Inject(Applications) private readonly applications: Applications,
    @Inject(Registry) private readonly registry: Registry,
  ) {}

  /**
   * Forgets a registration that no reviewer has approved. Revokes any other one. Resolves when every process decides by
   * that.
   * @throws Refusal 409 if a reviewer has ended it already, or approves it at this moment; 503
   */
  async end({ client, status }: ClientRegistration): Promise<void> {
    if (!this.clients.registered(client)) return this.applications.withdraw(client);
    const command = { kind: 'revoke', by: BY_THE_APP, reason: REQUESTED_BY_APP } as const;
    if (status === 'revoked') throw this.registry.refusal(command, status);
    await this.registry.execute(client, command);
  }
}
