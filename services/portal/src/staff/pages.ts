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

/** Whether a role of the person may use a route. The route itself refuses any other person. */
export const mayUse = (route: keyof typeof ROLES, { roles }: Session): boolean =>
  ROLES[route].some((role) => (roles as readonly string[]).includes(role));

export const permitted = ({ needs }: StaffPage, session: Session): boolean =>
  needs.every((route) => mayUse(route, session));
