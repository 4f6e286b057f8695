export { openClientAddresses } from './client-addresses.nats.ts'
