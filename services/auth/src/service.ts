import { defineService } from '@provider-access/process';
import { AuthModule } from './auth.module.ts';
import { type AuthConfig, authConfig, authEnv, authSettings } from './config.ts';

export const authService = defineService({
  name: 'auth',
  schema: authEnv,
  settings: authSettings,
  config: authConfig,
  module: (runtime, config: AuthConfig) =>
    AuthModule.register(
      { ...runtime, keys: runtime.secrets.signingKeys(), portalKeys: runtime.secrets.portalKeys },
      config,
    ),
});
