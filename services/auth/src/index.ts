export { AuthModule } from './auth.module.ts';
export { authEnv } from './config.ts';
