export { naiveFold, readTables } from './naive.ts'
export { workload } from './workload.ts'
