import { ClientDetails, Parties } from '@provider-access/facts';
import { runService } from '@provider-access/process/run';
import { AuthModule } from './auth.module.ts';
import { authEnv } from './config.ts';

await runService({
  name: 'auth',
  schema: authEnv,
  async register({ ports, presence, secrets, onClose }, env) {
    const details = new ClientDetails();
    const parties = new Parties(details);
    onClose('parties', () => parties.stop());
    await parties.start(ports);
    return AuthModule.register({
      ports,
      presence,
      parties,
      details,
      keys: secrets.signingKeys(),
      staticTokens: secrets.staticTokens,
      config: {
        publicUrl: env.PUBLIC_URL,
        allowInsecureJwks: env.ALLOW_INSECURE_JWKS,
        tokensPerMinute: env.AUTH_TOKENS_PER_MINUTE,
        registrationsPerMinute: env.AUTH_REGISTRATIONS_PER_MINUTE,
        refusalsPerMinute: env.AUTH_REFUSALS_PER_MINUTE,
      },
    });
  },
});
