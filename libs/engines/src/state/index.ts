export * from './port.ts';
export * from './stream-reader.ts';
export * from './transaction-times.ts';
