import { Controller, Get, Header, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';
import { StaticTokenGuard } from '@provider-access/smart';
import { AuthContext } from '../../auth.ts';

/** Our own keys, for the administrator: lists the published ones, and withdraws a key that is no longer secret. */
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

  /**
   * Withdraws the key at once and for good: every process refuses its tokens when this answers. Repeating it changes
   * nothing.
   */
  @Post(':kid/withdraw')
  @HttpCode(200)
  async withdraw(@Param('kid') kid: string): Promise<Record<string, unknown>> {
    const { parties, signing } = this.auth;
    if (parties.signingKey(kid) === undefined && parties.withdrawnKey(kid) === undefined)
      throw new Refusal('not-found', 'No signing key of this kid was published.');
    await signing.withdraw(kid, 'compromised', 'administrator');
    return this.list();
  }
}
