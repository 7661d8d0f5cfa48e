import type { PolicyReading } from '@provider-access/domain/pdex/labels';
import { FileFault, fileAs, publicOf } from './secret-file.ts';

/** A variable that names a policy file, as the policy. */
export const policyFile = <Policy>(read: (text: string) => PolicyReading<Policy>) =>
  fileAs((file) => {
    const reading = read(publicOf(file));
    if (!reading.ok) throw new FileFault(reading.fault);
    return reading.policy;
  });
