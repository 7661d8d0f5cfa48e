import { DEFAULT_LABEL_POLICY, type LabelPolicy, readLabelPolicy } from '@provider-access/domain/pdex/labels';
import { ConfigurationError } from './read-config.ts';
import { readPublicFile } from './secret-file.ts';
import { path } from './values.ts';

/** Which security labels withhold a resource. Every service that reads records for a client or the payer has it. */
export const labelsEnv = {
  SECURITY_LABELS_FILE: path
    .optional()
    .describe(
      'A JSON file with rules by security label, which change the built-in ones: `withhold`, ' +
        '`withhold unless consented` or `release` (`docs/security-labels.md`). It is read at the start. Give ' +
        'attribution, resources and export the same file.',
    ),
};

/** @throws ConfigurationError if the file cannot be read or has a fault */
export function labelPolicy(env: { readonly SECURITY_LABELS_FILE?: string | undefined }): LabelPolicy {
  const { SECURITY_LABELS_FILE: file } = env;
  if (file === undefined) return DEFAULT_LABEL_POLICY;
  const reading = readLabelPolicy(readPublicFile('SECURITY_LABELS_FILE', file));
  if (!reading.ok) throw new ConfigurationError(`SECURITY_LABELS_FILE: ${reading.fault}`);
  return reading.policy;
}
