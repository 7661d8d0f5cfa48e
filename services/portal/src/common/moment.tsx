import { useId } from 'react';

interface MomentFieldProps {
  readonly label: string;
  readonly help?: string;
  /** As the browser writes a local time: `2026-11-30T14:05:00`, or empty. */
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly isRequired?: boolean;
}
/** A moment in the time zone of the browser: the browser's own control, which keyboards and phones know. */
export function MomentField({ label, help, value, onChange, isRequired = false }: MomentFieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {help !== undefined && (
        <span className="help" id={`${id}h`}>
          {help}
        </span>
      )}
      <input
        id={id}
        type="datetime-local"
        step="1"
        value={value}
        required={isRequired}
        aria-describedby={help === undefined ? undefined : `${id}h`}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

/** RFC 3339 in UTC of what a field has; undefined if it is empty. */
export const instantOf = (local: string): string | undefined => {
  const at = new Date(local);
  return local === '' || Number.isNaN(at.getTime()) ? undefined : at.toISOString();
};
