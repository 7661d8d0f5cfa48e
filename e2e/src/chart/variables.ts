import { configuration, SERVICES } from './paths.ts';

/**
 * What each component may be given: `files/variables.yaml`, by which the templates choose. The probe is told by
 * arguments.
 */
export function variablesFile(): string {
  const known = configuration();
  const rows = [...SERVICES, 'admin'].map(
    (component) => `${component}:\n${known[component]!.map(({ name }) => `  - ${name}\n`).join('')}`,
  );
  return (
    '# Generated from docs/configuration.json (npm run chart): the variables that each component ' +
    `knows.\n${rows.join('')}probe: []\n`
  );
}
