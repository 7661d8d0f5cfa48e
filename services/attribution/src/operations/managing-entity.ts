import { Inject, Injectable } from '@nestjs/common';
import type { GroupPayer } from '@provider-access/domain/pdex';
import { Facts } from '@provider-access/facts';
import { allows, readGranted } from '@provider-access/domain/smart';
import { CONFIG, type AttributionConfig } from '../config.ts';
import { PayerDirectory } from './payer-directory.ts';

/**
 * The payer as `Group.managingEntity` names it. A reference must resolve: it is there only if the payer published its
 * Organization, no label withholds that, and the scope of the client covers the type. Otherwise an identifier and the
 * name stand for it.
 */
@Injectable()
export class ManagingEntity {
  private readonly named: GroupPayer;
  constructor(
    @Inject(PayerDirectory) private readonly directory: PayerDirectory,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {
    const { payerIdentifiers = [], payerName } = config;
    const [system, value] = payerIdentifiers.find((text) => text.includes('|'))?.split('|') ?? [];
    this.named = {
      ...(system !== undefined && value !== undefined && { identifier: { system, value } }),
      ...(payerName !== undefined && { display: payerName }),
    };
  }

  /** For this client; empty if nothing about the payer is configured that a client could use. */
  async of(client: string): Promise<GroupPayer> {
    const { payerOrganization: reference } = this.config;
    // The registered scope and not that of the token, so that a Group has one content for a client.
    const scope = readGranted(this.facts.parties.client(client)?.scope ?? '');
    if (!allows(scope, 'Organization', 'r')) return this.named;
    const readable = await this.directory.readable(client, [reference]);
    return readable.length === 0 ? this.named : { reference, ...this.named };
  }
}
