import { isNpi, isTin } from '@provider-access/events/provider-key';
import { isDayOrInstant, isInstant } from '@provider-access/fhir/dates';
import { isId } from '@provider-access/fhir/primitives';
import { CliError, EXIT } from './output.ts';

/** Parsers of options. Each refuses what the server would refuse, by the server's own functions. */

export const refuse = (message: string): never => {
  throw new CliError(EXIT.usage, message);
};

/** An option that may not be empty or blank. */
export const text =
  (name: string) =>
  (value: string): string =>
    value.trim() === '' ? refuse(`${name} is empty`) : value;
export const oneOf =
  (name: string, ...allowed: readonly string[]) =>
  (value: string): string =>
    allowed.includes(value) ? value : refuse(`${name} is one of ${allowed.join(', ')}`);

const each =
  (one: (value: string) => string) =>
  (value: string, before: string[] = []): string[] => [...before, one(value)];
/** An id as FHIR has it: an empty or other subject would become a dead letter. */
export const id =
  (name: string) =>
  (value: string): string =>
    text(name)(value) && isId(value)
      ? value
      : refuse(`${name} is not an id: give letters, digits, - and ., at most 64`);
export const ids = (name: string) => each(id(name));

export const npi = (value: string): string =>
  isNpi(value)
    ? value
    : refuse(`--npi ${value} is not an NPI: give ten digits that begin with 1 or 2 and end with the check digit`);
export const npis = each(npi);
export const tin = (value: string): string =>
  isTin(value) ? value : refuse(`--tin ${value} is not a TIN: give nine digits, such as 12-3456789`);
export const tins = each(tin);

/** An RFC 3339 instant, in UTC. */
export const instant =
  (name: string) =>
  (value: string): string =>
    isInstant(value)
      ? new Date(value).toISOString()
      : refuse(`${name} must be an RFC 3339 instant, such as 2026-01-31T10:00:00Z`);
export const day =
  (name: string) =>
  (value: string): string =>
    isDayOrInstant(value)
      ? value
      : refuse(`${name} must be a day that exists, such as 2026-01-31, or an instant, such as 2026-01-31T10:00:00Z`);

export const whole =
  (name: string, least: number, most: number) =>
  (value: string): number =>
    /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most
      ? Number(value)
      : refuse(`${name} is a whole number from ${least} to ${most}`);
