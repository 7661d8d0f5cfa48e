import type { ReactNode } from 'react';

interface TableProps {
  readonly title: string;
  readonly columns: readonly string[];
  /** Rows. */
  readonly children: ReactNode;
}
/** A table that keyboards can scroll on a phone. */
export const Rows = ({ title, columns, children }: TableProps) => (
  <div className="table" tabIndex={0} role="region" aria-label={title}>
    <table>
      <thead>
        <tr>
          {columns.map((one) => (
            <th scope="col" key={one}>
              {one}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);

/** The same in a section with a heading. */
export const Table = (props: TableProps) => (
  <section className="sheet">
    <h2>{props.title}</h2>
    <Rows {...props} />
  </section>
);
