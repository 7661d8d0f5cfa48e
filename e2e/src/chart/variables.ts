import { configuration, SERVICES } from './paths.ts';

/**
 * The variables of each component: `files/variables.yaml`, from which the templates choose. The probe gets arguments
 * instead.
 */
export function variablesFile(): string {
  const known = configuration();
  const rows = [...SERVICES, 'admin'].map(
    (component) => `${component}:\n${known[component]!.map(({ name }) => `  - ${name}\n`).join('')}`,
  );
  return (
    '# Generated from docs/configuration.json (npm run chart): the variables that each component ' +
    `knows.\n${rows.join('')}probe: []\nsandbox: []\n`
  );
}
