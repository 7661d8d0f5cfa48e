import type { ComponentType } from 'react';
import type { Session } from '../common/api.ts';
import type { StaffText } from './texts.ts';

type Role = Session['roles'] extends readonly (infer R)[] ? R : never;

export interface StaffPage {
  /** Below `/portal/`. */
  readonly name: string;
  readonly title: StaffText;
  readonly what: StaffText;
  /** The roles that have all routes which the page reads. The routes themselves refuse any other person. */
  readonly roles: readonly Role[];
  readonly show: ComponentType<{ readonly session: Session }>;
}

export const permitted = (page: StaffPage, { roles }: Session): boolean =>
  page.roles.some((role) => (roles as readonly string[]).includes(role));
