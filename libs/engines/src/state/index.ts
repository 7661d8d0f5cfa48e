export * from './port.ts';
export * from './transaction-times.ts';
