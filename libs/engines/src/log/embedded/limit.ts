/**
 * SQL for values that a plan must not depend on. SQLite prepares a statement again for each execution if its plan may
 * depend on a value. That is so with a plain `LIMIT ?`. With `= ?` and `IS ?` it is so in a query of several tables,
 * in one with an order, groups or DISTINCT, and in a query or DELETE of a column that is in the condition of a partial
 * index. The `+` hides the value from the plan. ESLint refuses the plain forms in queries.
 */

/** As in `name = ${VALUE}`. */
export const VALUE = '+?';

/** At most as many rows as the value says. */
export const LIMIT = `LIMIT ${VALUE}`;
