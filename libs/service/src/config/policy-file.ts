import type { PolicyReading } from '@provider-access/domain/pdex/labels';
import { ConfigurationError } from './read-config.ts';
import { faultsOfFile, readPublicFile } from './secret-file.ts';

/** Reads the policy file that a variable names. */
export function policyFile<Policy>(variable: string, read: (text: string) => PolicyReading<Policy>) {
  const readPolicy = (name: string, file: string): Policy => {
    const reading = read(readPublicFile(name, file));
    if (!reading.ok) throw new ConfigurationError(`${name}: ${reading.fault}`);
    return reading.policy;
  };
  return {
    /** @throws ConfigurationError if the file cannot be read or has a fault */
    policy: (file: string): Policy => readPolicy(variable, file),
    /** The faults of the file as sentences, for checks that collect them. */
    faults: (env: Readonly<Record<string, unknown>>): readonly string[] => {
      const file = env[variable];
      return faultsOfFile(variable, typeof file === 'string' ? file : undefined, readPolicy);
    },
  };
}
