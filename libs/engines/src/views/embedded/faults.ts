import { sqliteFault } from '@provider-access/engines/log/embedded';

export const asFault = (error: unknown): unknown => sqliteFault(error, 'view store');

export function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFault(error);
  }
}
