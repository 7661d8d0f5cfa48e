export { AuthModule } from './auth.module.ts';
export { authConfig, authEnv, authSettings } from './config.ts';
