export * from './crc32.ts';
export * from './segment.ts';
export * from './part-index.ts';
export * from './cut.ts';
export * from './layout.ts';
export * from './gzip-digest.ts';
