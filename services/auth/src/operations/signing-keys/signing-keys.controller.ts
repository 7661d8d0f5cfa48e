import { Controller, Inject } from '@nestjs/common';
import { Parties } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { SigningRing } from './signing-ring.ts';

const LIST = operation({
  route: 'GET /auth/signing-keys',
  callers: ['operator'],
  tag: 'Operations',
  summary: 'List the keys that sign access tokens',
  answer: jsonObject('Published keys by `kid`.'),
});
/** When it answers, every process refuses tokens of the key, for good. A repeat changes nothing. */
const WITHDRAW = operation({
  route: 'POST /auth/signing-keys/{kid}/withdraw',
  callers: ['operator'],
  tag: 'Operations',
  summary: 'Withdraw a signing key that is no longer secret',
  description: 'When this answers, every process refuses tokens of the key, for good.',
  parameters: { kid: 'The id of the key.' },
  answer: jsonObject('The keys that are left.'),
  refusals: ['not-found', 'unavailable'],
});

@Controller()
export class SigningKeysController {
  constructor(
    @Inject(Parties) private readonly parties: Parties,
    @Inject(SigningRing) private readonly signing: SigningRing,
  ) {}

  @Operation(LIST)
  list(): Answer {
    const { parties, signing } = this;
    return {
      json: { signing: signing.key()?.kid ?? null, keys: parties.registry.signingKeys().map(({ kid }) => ({ kid })) },
    };
  }

  @Operation(WITHDRAW)
  async withdraw({ params: { kid }, caller }: Asked<typeof WITHDRAW>): Promise<Answer> {
    const { parties, signing } = this;
    if (parties.registry.signingKey(kid) === undefined && parties.registry.withdrawnKey(kid) === undefined)
      throw new Refusal('not-found', 'No published signing key has this kid.');
    await signing.withdraw(kid, 'compromised', caller.name);
    return this.list();
  }
}
