import { Choice } from '../../common/parts.tsx';
import { useSpeech } from '../texts.ts';
import { ATTRIBUTES } from './attributes.ts';
import type { Kind } from './requests.ts';

type Map = Readonly<Record<string, string>>;
interface ColumnMapProps {
  readonly kind: Kind;
  readonly columns: readonly string[];
  readonly map: Map;
  readonly onChange: (map: Map) => void;
}
const folded = (name: string): string => name.toLowerCase().replaceAll(/[\s_.-]+/g, '');

/** Which column of the file is which attribute. An attribute that a column has the name of needs no choice. */
export function ColumnMap({ kind, columns, map, onChange }: ColumnMapProps) {
  const { t } = useSpeech();
  return (
    <fieldset>
      <legend>{t('imports.columns')}</legend>
      <p className="help">{t('imports.columns.help')}</p>
      {ATTRIBUTES[kind].map((attribute) => {
        const own = columns.find((column) => folded(column) === folded(attribute));
        return (
          <Choice
            key={attribute}
            label={t('imports.column', {
              attribute,
              what: t(`imports.attribute.${attribute}` as 'imports.attribute.member'),
            })}
            value={map[attribute] ?? ''}
            onChange={(column) => onChange({ ...map, [attribute]: column })}
            options={[
              ['', own === undefined ? t('imports.column.none') : t('imports.column.own', { column: own })],
              ...columns.map((column) => [column, column] as const),
            ]}
          />
        );
      })}
    </fieldset>
  );
}
