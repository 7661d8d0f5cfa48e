export * from './scopes.ts';
export * from './signing-keys.ts';
export * from './access-tokens.ts';
export * from './authenticate.ts';
export * from './smart-guard.ts';
export * from './static-tokens.ts';
