import { join } from 'node:path';

const project = join(import.meta.dirname, '..');
export const REPOSITORY = join(import.meta.dirname, '../../..');

/** Markdown files as VitePress reads them: copies of the repository's pages, and generated ones. */
export const STAGED = join(project, 'dist/pages');
/** The static files. The service auth serves them from here, and the image has them at the same place. */
export const SITE = join(REPOSITORY, 'docs/dist');
/** Pages that only the site has. */
export const OWN_PAGES = join(project, 'pages');
/** Pictures of the diagrams in the pages, drawn by `npm run diagrams -w @provider-access/site`. */
export const DIAGRAMS = join(project, 'diagrams');
/** Pictures of the dashboards, drawn by `npm run pictures -w @provider-access/site`. */
export const PICTURES = join(REPOSITORY, 'docs/pictures');
