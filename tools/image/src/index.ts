export { layOut, type LayoutOptions } from './layout.ts';
export { BILL, LICENCES } from './papers/index.ts';
export { ALLOWED, ALLOWED_OF_SYSTEM, forbidden } from './papers/licences.ts';
export type { Piece } from './papers/piece.ts';
export { UID, WRITTEN } from './root-files.ts';
