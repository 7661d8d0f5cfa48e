/** ms after which the browser needs the address of a file no longer: it has read it from memory by then. */
const READ_MS = 60_000;

/** Gives a person a file with this content. Nothing of it is kept in the browser. */
export function save(name: string, content: string | Blob): void {
  const url = URL.createObjectURL(new Blob([content]));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), READ_MS);
}
