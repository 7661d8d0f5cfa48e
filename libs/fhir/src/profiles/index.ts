export { type KnownProfile, lacksOf, profilesNamed, profilesOf } from './profiles.ts';
export type { Lack } from './rules.ts';
