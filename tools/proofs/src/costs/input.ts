import type { Role } from '@provider-access/kernel';
import type { Cost } from './counted-views.ts';

/** A request, and what it may cost. */
export interface Input {
  readonly url: string;
  readonly by: 'app' | Role | 'nobody';
  readonly method?: 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Default: 200. */
  readonly status?: number;
  readonly most?: Partial<Cost>;
}
