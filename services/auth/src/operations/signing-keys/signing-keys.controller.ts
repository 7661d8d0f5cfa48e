import { Controller, Get, Header, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';
import { StaticTokenGuard } from '@provider-access/smart';
import { AuthContext } from '../../auth.ts';

/** Lets the administrator list our published keys and withdraw a key that is no longer secret. */
@Controller('auth/signing-keys')
@UseGuards(StaticTokenGuard('administrator'))
export class SigningKeysController {
  constructor(@Inject(AuthContext) private readonly auth: AuthContext) {}

  @Get()
  @Header('cache-control', 'no-store')
  list(): Record<string, unknown> {
    const { parties, signing } = this.auth;
    return { signing: signing.key()?.kid ?? null, keys: parties.signingKeys().map(({ kid }) => ({ kid })) };
  }

  /** When this answers, every process refuses tokens of the key, for good. A repeat changes nothing. */
  @Post(':kid/withdraw')
  @HttpCode(200)
  async withdraw(@Param('kid') kid: string): Promise<Record<string, unknown>> {
    const { parties, signing } = this.auth;
    if (parties.signingKey(kid) === undefined && parties.withdrawnKey(kid) === undefined)
      throw new Refusal('not-found', 'No published signing key has this kid.');
    await signing.withdraw(kid, 'compromised', 'administrator');
    return this.list();
  }
}
