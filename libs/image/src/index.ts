export { layOut, type LayoutOptions } from './layout.ts';
