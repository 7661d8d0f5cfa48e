export * from './bundle.ts';
export * from './find.ts';
export * from './groups.ts';
export * from './request.ts';
