import { sqliteFault } from '../../log/embedded/index.ts';

export const asFault = (error: unknown): unknown => sqliteFault(error, 'view store');

export function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFault(error);
  }
}
