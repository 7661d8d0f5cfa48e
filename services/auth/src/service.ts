import { defineService } from '@provider-access/process';
import { type AuthOptions, AuthModule } from './auth.module.ts';
import { authConfig, authEnv, authSettings } from './config.ts';

export const authService = defineService({
  name: 'auth',
  schema: authEnv,
  settings: authSettings,
  config: authConfig,
  module: (runtime, config: AuthOptions['config']) =>
    AuthModule.register({ ...runtime, keys: runtime.secrets.signingKeys(), config }),
});
