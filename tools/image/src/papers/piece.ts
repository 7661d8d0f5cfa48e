/** A piece of the image with an author and a licence. */
export interface Piece {
  /** Unique in the bill. */
  readonly ref: string;
  /** `bundled`: its code is in a script that a build made of several packages. */
  readonly kind: 'ours' | 'npm' | 'bundled' | 'node' | 'system';
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  /** SPDX id or expression, from its author. */
  readonly licence: string;
  /** Its place in the image: a folder, or files for libraries of the system. */
  readonly paths: readonly string[];
  /** Package URL, as scanners name it. */
  readonly purl: string;
  readonly cpe?: string;
  /** SHA-512 of the archive that was installed, hexadecimal. */
  readonly sha512?: string;
  readonly dependsOn: readonly string[];
  /** The pieces that are built into it. */
  readonly contains?: Readonly<Record<string, string>>;
  /** Licence and notice files; empty if it has none. */
  readonly texts: readonly { readonly file: string; readonly text: string }[];
}

/** Files of a package that hold its licence. */
export const LEGAL =
  /^(licen[cs]es?|notice|copying|copyright(notice)?|third-party[^/]*)(\.(txt|md|markdown|rst))?$|^licen[cs]e[-.]/i;
