export { Sandbox, type SandboxState } from './sandbox.ts';
