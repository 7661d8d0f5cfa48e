import type { ComponentType } from 'react';
import { ROLES } from '../../generated/roles.ts';
import type { Session } from '../common/api.ts';
import type { StaffText } from './texts.ts';

export interface StaffPage {
  /** Below `/portal/`. */
  readonly name: string;
  readonly title: StaffText;
  readonly what: StaffText;
  /**
   * The routes that the page cannot do without. Who has a role of each of them may open the page. The operations name
   * their roles (docs/roles.md), and the routes themselves refuse any other person.
   */
  readonly needs: readonly (keyof typeof ROLES)[];
  readonly show: ComponentType<{ readonly session: Session }>;
}

export const permitted = ({ needs }: StaffPage, { roles }: Session): boolean =>
  needs.every((route) => ROLES[route].some((role) => (roles as readonly string[]).includes(role)));
