export { isNpi, isTin } from '@provider-access/events';
