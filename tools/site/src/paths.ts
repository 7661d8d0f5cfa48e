import { join } from 'node:path';

const project = join(import.meta.dirname, '..');
export const REPOSITORY = join(project, '../..');

/** Markdown files as VitePress reads them: copies of the repository's pages, and generated ones. */
export const STAGED = join(project, 'dist/pages');
/** The static files. Services look for them at this place (services/auth/src/site). */
export const SITE = join(project, 'dist/site');
/** Pages that only the site has. */
export const OWN_PAGES = join(project, 'pages');
/** Pictures of the diagrams in the pages, drawn by `npm run diagrams -w @provider-access/site`. */
export const DIAGRAMS = join(project, 'diagrams');
