import { Controller, Get, Header, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { Parties } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { StaticTokenGuard } from '@provider-access/smart';
import { SigningRing } from './signing-ring.ts';

/** Lets the administrator list our published keys and withdraw a key that is no longer secret. */
@Controller('auth/signing-keys')
@UseGuards(StaticTokenGuard('administrator'))
export class SigningKeysController {
  constructor(
    @Inject(Parties) private readonly parties: Parties,
    @Inject(SigningRing) private readonly signing: SigningRing,
  ) {}

  @Get()
  @Header('cache-control', 'no-store')
  list(): Record<string, unknown> {
    const { parties, signing } = this;
    return { signing: signing.key()?.kid ?? null, keys: parties.signingKeys().map(({ kid }) => ({ kid })) };
  }

  /** When this answers, every process refuses tokens of the key, for good. A repeat changes nothing. */
  @Post(':kid/withdraw')
  @HttpCode(200)
  async withdraw(@Param('kid') kid: string): Promise<Record<string, unknown>> {
    const { parties, signing } = this;
    if (parties.signingKey(kid) === undefined && parties.withdrawnKey(kid) === undefined)
      throw new Refusal('not-found', 'No published signing key has this kid.');
    await signing.withdraw(kid, 'compromised', 'administrator');
    return this.list();
  }
}
