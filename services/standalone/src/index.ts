export { startPlatform, type Platform } from './platform.ts';
export { standaloneConfig, type StandaloneConfig } from './config.ts';
export { envOf, PROCESSES } from './environment.ts';
