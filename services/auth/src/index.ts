export { AuthModule, type AuthOptions } from './auth.module.ts';
export { authConfig, authEnv, type AuthConfig } from './config.ts';
