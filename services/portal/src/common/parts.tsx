import { type ReactNode, useEffect, useId, useRef } from 'react';
import {
  Button as AriaButton,
  type ButtonProps,
  Checkbox,
  Input,
  Label,
  Radio,
  RadioGroup,
  Text,
  TextArea,
  TextField,
} from 'react-aria-components';
import { type Language, LANGUAGE_NAMES, LANGUAGES } from './language.tsx';

type Look = 'main' | 'plain' | 'danger';
export const Button = ({ look = 'plain', ...props }: ButtonProps & { readonly look?: Look }) => (
  <AriaButton {...props} className={`button ${look}`} />
);

/** The names of the languages. Each is written in itself. */
export const LanguageChoice = (props: {
  readonly label: string;
  readonly language: Language;
  readonly choose: (language: Language) => void;
}) => (
  <div className="languages" role="group" aria-label={props.label}>
    {LANGUAGES.map((one) => (
      <AriaButton
        key={one}
        className="button plain"
        aria-pressed={one === props.language}
        onPress={() => props.choose(one)}
      >
        <span lang={one}>{LANGUAGE_NAMES[one]}</span>
      </AriaButton>
    ))}
  </div>
);

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly help?: string;
  readonly type?: 'text' | 'password';
  readonly lines?: number;
  readonly isRequired?: boolean;
  readonly maxLength?: number;
}
export const Field = ({ label, help, lines, type = 'text', ...props }: FieldProps) => (
  <TextField {...props} type={type} className="field" autoComplete="off">
    <Label>{label}</Label>
    {help !== undefined && (
      <Text slot="description" className="help">
        {help}
      </Text>
    )}
    {lines === undefined ? <Input /> : <TextArea rows={lines} />}
  </TextField>
);

/** A heading that gets the focus when it appears, so that a screen reader says what has changed. */
export function Heading({ level = 1, children }: { readonly level?: 1 | 2; readonly children: ReactNode }) {
  const here = useRef<HTMLHeadingElement>(null);
  useEffect(() => here.current?.focus(), []);
  const Tag = `h${level}` as const;
  return (
    <Tag tabIndex={-1} ref={here}>
      {children}
    </Tag>
  );
}

/** What has happened, or why something did not. A screen reader says it at once. */
export const Notice = (props: { readonly kind: 'good' | 'bad' | 'note'; readonly children: ReactNode }) => (
  <div className={`notice ${props.kind}`} role={props.kind === 'bad' ? 'alert' : 'status'}>
    {props.children}
  </div>
);

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Value and text. */
  readonly options: readonly (readonly [string, string])[];
  readonly isRequired?: boolean;
}
/** One of many values: the browser's own control, which is small and known on phones. */
export function Choice({ label, value, onChange, options, isRequired = false }: ChoiceProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} required={isRequired} onChange={(event) => onChange(event.target.value)}>
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

export const Tick = (props: {
  readonly label: string;
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
}) => (
  <Checkbox className="tick" isSelected={props.value} onChange={props.onChange}>
    {props.label}
  </Checkbox>
);

interface RadiosProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Value, text, and what it means. */
  readonly options: readonly (readonly [string, string, string?])[];
}
/** One of a few values, each of which is in view with what it means. */
export const Radios = ({ label, value, onChange, options }: RadiosProps) => (
  <RadioGroup className="radios" value={value} onChange={onChange}>
    <Label className="field-label">{label}</Label>
    {options.map(([one, text, means]) => (
      <Radio key={one} value={one} className="radio">
        <span>
          <bdi>{text}</bdi>
          {means !== undefined && <span className="help means">{means}</span>}
        </span>
      </Radio>
    ))}
  </RadioGroup>
);
