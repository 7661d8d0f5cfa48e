export * from './port.ts';
export * from './name.ts';
