import { Refusal } from '@provider-access/kernel';
import { printable } from '@provider-access/fhir';
import { GENERAL } from './general-parameters.ts';

/** The refusal of a parameter that an interaction does not have, such as `A read`. It names the parameter. */
export function unknownParameter(interaction: string, name: string, known: readonly string[]): Refusal {
  const shown = printable(name);
  return new Refusal(
    'not-supported',
    `${interaction} has no parameter ${shown}; it has ${[...known, ...GENERAL].join(', ')}.`,
    {
      expression: shown,
    },
  );
}
