export { startPlatform, type Platform } from './platform.ts';
export { standaloneConfig, type StandaloneConfig } from './config.ts';
