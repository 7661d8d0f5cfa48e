export { stateContract } from './state-contract.ts';
