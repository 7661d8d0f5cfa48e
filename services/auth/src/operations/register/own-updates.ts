import { Inject, Injectable } from '@nestjs/common';
import { BY_THE_APP, REQUESTED_BY_APP } from '@provider-access/domain/pdex/reasons';
import { grantScopes } from '@provider-access/domain/smart';
import { type AppRegistered, npiKey, type ProviderKey, tinKey } from '@provider-access/events';
import type { ClientRegistration } from '@provider-access/facts';
import { instant, Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { Registry } from '../../apps/registry.ts';
import type { PreviousKeys } from '../../domain/client-keys.ts';
import { type FurtherFields, type Metadata, recordOf } from './client-metadata.ts';
import { KeyChanges } from './key-changes.ts';
import { RotatedTokens } from './rotated-tokens.ts';

/** A whole record as the app sends it, with the token that it came with. */
export interface Update {
  readonly token: string;
  readonly body: unknown;
  readonly metadata: Metadata;
  readonly further: FurtherFields;
  readonly previous: PreviousKeys;
}

/**
 * Replaces the registration of an approved app by another one (APPS.md P44). What the app gives up ends at once, by an
 * event that earlier releases read. What it adds is kept and gives nothing until a reviewer approves it: each process
 * decides by approvals alone.
 */
@Injectable()
export class OwnUpdates {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Registry) private readonly registry: Registry,
    @Inject(KeyChanges) private readonly keyChanges: KeyChanges,
    @Inject(RotatedTokens) private readonly tokens: RotatedTokens,
  ) {}

  /**
   * Resolves when every process has the new registration.
   * @returns the new registration access token
   * @throws Refusal 400, 401, 403, 409, 429, 503
   */
  async update(client: ClientRegistration, update: Update): Promise<string> {
    const { metadata, further, token, body } = update;
    let rotated: string | undefined;
    await this.keyChanges.change(
      client.client,
      { jwks: metadata.jwks, jwksUri: metadata.jwks_uri },
      {
        previous: update.previous,
        token,
        body,
        edit: async (app, known) => {
          const wanted = { ...app, ...recordOf(metadata, further), scope: requested(known, metadata.scope) };
          await this.narrow(known, wanted);
          // The last step before the record, so that a token that nobody got is in force as rarely as possible.
          const next = await this.tokens.rotate(client.client, token, body);
          rotated = next.token;
          return {
            ...wanted,
            formerKeys: wanted.formerKeys ?? [],
            registrationTokenHash: next.hash,
            updatedAt: instant(this.ports.clock.now()),
          };
        },
      },
    );
    this.ports.logger.info({ client: client.client }, 'an app changed its registration');
    return rotated!;
  }

  private async narrow(known: ClientRegistration, wanted: AppRegistered): Promise<void> {
    if (grantScopes(known.scope, wanted.scope) === '')
      throw new Refusal(
        'invalid-client-metadata',
        'scope: keep at least a part of the granted scope. A reviewer has to approve the rest.',
      );
    const kept = claimedBy(wanted);
    await this.registry.execute(known.client, {
      kind: 'narrow',
      by: BY_THE_APP,
      reason: REQUESTED_BY_APP,
      scope: wanted.scope,
      providers: claimedBy(known).filter((provider) => !kept.includes(provider)),
    });
  }
}

const claimedBy = ({
  npis,
  tins,
}: Pick<AppRegistered | ClientRegistration, 'npis' | 'tins'>): readonly ProviderKey[] => [
  ...npis.map(npiKey),
  ...tins.map(tinKey),
];

/** The scope that the app asks for now. `GET` answers the granted scope, so sending that one back changes nothing. */
const requested = (known: ClientRegistration, scope: string): string =>
  scope === known.scope ? known.requestedScope : scope;
