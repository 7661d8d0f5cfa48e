import { ClientDetails, Parties } from '@provider-access/facts';
import { runService } from '@provider-access/process/run';
import { AuthModule } from './auth.module.ts';
import { authConfig, authEnv } from './config.ts';

await runService({
  name: 'auth',
  schema: authEnv,
  async register({ secrets, onClose, ...runtime }, config) {
    const details = new ClientDetails();
    const parties = new Parties(details);
    onClose('parties', () => parties.stop());
    await parties.start(runtime.ports);
    return AuthModule.register({
      ...runtime,
      parties,
      details,
      keys: secrets.signingKeys(),
      config: authConfig(config),
    });
  },
});
