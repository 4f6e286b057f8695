export { followLive, live } from './live.ts'
export { columnsOf, peakOf, ratesOver } from './series.ts'
