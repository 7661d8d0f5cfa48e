import { useId } from 'react';

interface FilesProps {
  readonly label: string;
  readonly help: string;
  /** The texts of the chosen files, with their names. */
  readonly read: (files: readonly { readonly name: string; readonly text: string }[]) => void;
}
/** A key or an app file is small; anything larger is another file. */
const LARGEST = 100_000;

/** Files that this page reads. They are not sent anywhere. */
export function Files({ label, help, read }: FilesProps) {
  const id = useId();
  async function chosen(list: FileList | null): Promise<void> {
    const files = [...(list ?? [])].filter(({ size }) => size <= LARGEST);
    read(await Promise.all(files.map(async (file) => ({ name: file.name, text: await file.text() }))));
  }
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <span className="help" id={`${id}-help`}>
        {help}
      </span>
      <input
        id={id}
        type="file"
        multiple
        aria-describedby={`${id}-help`}
        onChange={(event) => void chosen(event.target.files)}
      />
    </div>
  );
}

/** A text of a program or a server: as it is, and it scrolls. */
export const Code = ({ label, text }: { readonly label: string; readonly text: string }) => (
  <pre tabIndex={0} role="region" aria-label={label}>
    <code>{text}</code>
  </pre>
);
