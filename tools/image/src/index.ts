export { layOut } from './layout.ts';
export { BILL, LICENCES } from './papers/index.ts';
export { forbidden } from './papers/licences.ts';
export { UID, WRITTEN } from './root-files.ts';
