/**
 * The pages below `/portal`, each with the file that shows it. The build writes this list beside the files, and auth
 * answers 404 to any other name.
 */
export const PAGES = {
  '': 'index.html',
  apps: 'index.html',
  audit: 'index.html',
  'dead-letters': 'index.html',
  decisions: 'index.html',
  developer: 'developer.html',
  engineer: 'index.html',
  evidence: 'index.html',
  imports: 'index.html',
  levels: 'index.html',
  member: 'member.html',
  members: 'index.html',
  operator: 'index.html',
  seals: 'index.html',
} as const;
