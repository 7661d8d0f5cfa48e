/**
 * What a resource lacks for a profile. `element` is the id of the element in the profile, for example
 * `ExplanationOfBenefit.supportingInfo:clmrecvddate.timing[x]`. It never holds a value of the resource.
 */
export interface Lack {
  readonly element: string;
  /** `fixed` stands for patterns too, `slicing` for an instance that no slice of a closed list takes. */
  readonly rule: 'min' | 'max' | 'fixed' | 'binding' | 'type' | 'slicing';
}

/**
 * The format of the generated table. A rule is a line: the id of the element in the profile, a space, and JSON of this
 * shape. A rule applies to each instance of its parent. A rule of a slice applies beside the rule of its element.
 */
export interface Rule {
  readonly min?: number;
  /** A number; without it, as many as R4 allows. */
  readonly max?: number;
  /** Types that a choice (`value[x]`) may have. */
  readonly types?: readonly string[];
  /** Types of resources to which a Reference may point. */
  readonly targets?: readonly string[];
  readonly fixed?: unknown;
  readonly pattern?: unknown;
  /** Place in CODE_SETS: codes by system, separated by spaces. `*` stands for all codes of the system. */
  readonly binding?: number;
  /** Only slices: what makes an instance one of the slice. All criteria must hold. */
  readonly when?: readonly Criterion[];
  /** An instance that is in no slice is a fault. */
  readonly closed?: true;
}

/** A path below the instance ('' for itself), and what is there. */
export type Criterion =
  | readonly [path: string, kind: 'pattern' | 'fixed', value: unknown]
  | readonly [path: string, kind: 'types', value: readonly string[]]
  | readonly [path: string, kind: 'binding', value: number];
