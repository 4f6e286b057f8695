export { type ClientAddresses, openClientAddresses } from './client-addresses.nats.ts'
