import { runService } from '@provider-access/process/run';
import { AuthModule } from './auth.module.ts';
import { authConfig, authEnv } from './config.ts';

await runService({
  name: 'auth',
  schema: authEnv,
  register: ({ secrets, ...runtime }, config) =>
    AuthModule.register({ ...runtime, keys: secrets.signingKeys(), config: authConfig(config) }),
});
