export * from './port.ts';
export * from './stream-reader.ts';
