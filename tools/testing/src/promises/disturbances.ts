export const MODULES = ['consent', 'attribution', 'resources', 'export', 'auth'] as const;
/** Operations on the platform itself. */
export type Disturbance =
  | {
      readonly op: 'kill';
      readonly module: (typeof MODULES)[number];
      readonly instance: number;
      readonly changes: number;
      readonly side: 'before' | 'half' | 'after';
    }
  | { readonly op: 'partial append'; readonly module: 'consent' | 'attribution' }
  | {
      readonly op: 'clock';
      readonly module: (typeof MODULES)[number];
      readonly instance: number;
      readonly seconds: number;
    }
  | { readonly op: 'time passes'; readonly minutes: number }
  | {
      readonly op: 'rebuild';
      readonly view: 'members' | 'memberships';
      /** Back to the build before the last rebuild. */
      readonly back: boolean;
      readonly via: number;
    }
  | { readonly op: 'roll-out' };
