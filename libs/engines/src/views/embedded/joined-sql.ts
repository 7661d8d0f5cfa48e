import type { LoadPlan, QueryPlan } from '../query.ts';
import type { Layout } from './tables.ts';

/**
 * The rows of a `find`, or of documents by id, with joined bodies, as one row. node:sqlite takes longer to make a value
 * of each body, id and JSON than SQLite takes to find them. A plain document needs no JSON, so its row is not read: the
 * index has its id.
 */

/**
 * SQL: the columns of `joinedRow`. The first value of the statement is the size of bodies up to which they are joined.
 * A larger body is 1 instead, and an absent one 0. So one look at most bodies is enough, because each look costs.
 */
export function joinedColumns(
  { parts }: Layout,
  { bodies: [path] }: Pick<QueryPlan | LoadPlan, 'bodies'>,
  id: string,
  json: string,
): string {
  const [part] = parts;
  const { column } = part!.bodies.find((body) => body.path === path)!;
  return (
    `CASE WHEN octet_length(b.${column}) <= ? THEN b.${column} ELSE b.${column} IS NOT NULL END AS body, ` +
    `${id} AS id, ${json} AS json`
  );
}

/**
 * Two things stand in front of an id. The first is the size of the body in bytes, or `large` or `absent` if the joined
 * bodies have one digit in its place. The second is `plain` or `other`.
 */
export const MARKS = { large: '+', absent: '-', plain: ' ', other: '!' } as const;

/**
 * SQL: the joined bodies, a list of ids with what stands in front, and a list of the JSON of documents not plain.
 * @param versions also a list of the positions (`position`) of all documents
 */
export const joinedRow = (rows: string, versions = false): string =>
  `SELECT CAST(group_concat(body, '') AS BLOB), json_group_array(` +
  `iif(typeof(body) = 'integer', iif(body, '${MARKS.large}', '${MARKS.absent}'), octet_length(body)) || ` +
  `iif(json IS NULL, '${MARKS.plain}', '${MARKS.other}') || id), ` +
  `json_group_array(json) FILTER (WHERE json IS NOT NULL)${versions ? ', json_group_array(position)' : ''} ` +
  `FROM (${rows})`;
