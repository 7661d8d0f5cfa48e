export { AuthModule, type AuthOptions } from './auth.module.ts';
export { authConfig, type AuthConfig } from './config.ts';
