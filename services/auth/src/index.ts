import { PA_AUDIT, PA_REGISTRY } from '@provider-access/events';
import type { Projection } from '@provider-access/views';

export { AuthModule, type AuthOptions } from './auth.module.ts';
export { authConfig, type AuthConfig } from './config.ts';
export const AUTH_TOPICS: readonly string[] = [PA_REGISTRY, PA_AUDIT];
export const AUTH_PROJECTIONS: readonly Projection[] = [];
