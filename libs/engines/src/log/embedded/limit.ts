/**
 * SQL: at most as many rows as the value says. The plan of a plain `LIMIT ?` depends on the value, so SQLite would
 * prepare the statement again for each execution.
 */
export const LIMIT = 'LIMIT +?';
