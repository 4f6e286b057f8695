export { type AdmittedCall, type Call, shortText } from './call.ts'
export { type CallEnd, type Outcome, SELF } from './call-end.ts'
export { admitted, type Ending, ended, progressed, refused, settled } from './call-events.ts'
export {
  isEncoded,
  type PassedHeaders,
  passedHeaders,
  requestHeaders,
  responseHeaders,
  traceparentOf,
} from './passed-headers.ts'
export { openRefusalLog } from './refusal-log.timer.ts'
export { RefusalReports } from './refusal-reports.ts'
export { type Answered, type Settlement, settle, unreported } from './settle.ts'
export { type CallTrace, modelIn, parentOf, traceparentTo } from './trace.ts'
