export { layOut } from './layout.ts';
export { bundlePa, OLDEST_NODE, type Bundle } from './pa/bundle.ts';
export { buildExecutable } from './pa/executable.ts';
export { packPa } from './pa/package.ts';
export { BILL, LICENCES } from './papers/index.ts';
export { forbidden } from './papers/licences.ts';
export { UID, WRITTEN } from './root-files.ts';
