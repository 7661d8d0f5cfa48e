/** Something in the image that somebody made and licensed. */
export interface Piece {
  /** Unique in the bill. */
  readonly ref: string;
  readonly kind: 'ours' | 'npm' | 'node' | 'system';
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  /** SPDX id or expression, as whoever made it says. */
  readonly licence: string;
  /** Where it lies in the image: a folder, or for libraries of the system their files. */
  readonly paths: readonly string[];
  /** Package URL: how scanners name it. */
  readonly purl: string;
  readonly cpe?: string;
  /** SHA-512 of the archive that was installed, hexadecimal. */
  readonly sha512?: string;
  readonly dependsOn: readonly string[];
  /** What is built into it. */
  readonly contains?: Readonly<Record<string, string>>;
  /** Licence and notice files. Empty: it brings none. */
  readonly texts: readonly { readonly file: string; readonly text: string }[];
}

/** Files of a package that say what its licence is. */
export const LEGAL =
  /^(licen[cs]es?|notice|copying|copyright(notice)?|third-party[^/]*)(\.(txt|md|markdown|rst))?$|^licen[cs]e[-.]/i;
