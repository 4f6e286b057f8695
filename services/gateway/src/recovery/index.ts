export { type NodeSpool, openNodeSpool, settleLeft } from './node-spool.fs.ts'
export { adoptSpools, type SpoolAdoption } from './spool-adoption.fs.ts'
export { TakenRequests } from './taken-requests.ts'
