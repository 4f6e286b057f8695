export { droppedField, droppedText, droppedView, partsOf } from './dropped.ts'
export { eventFields, eventText, eventView, withoutSession } from './event.ts'
export { eventCursor, readEventCursor } from './event-cursor.ts'
export {
  asOfField,
  asOfOf,
  cursorField,
  freshnessOf,
  identityField,
  identityOf,
  limitField,
  logReference,
  nextCursorField,
  timeField,
  userField,
  windowField,
} from './fields.ts'
export { behindOf, freshness, freshnessText, type StreamLag } from './freshness.ts'
export {
  INCIDENT_STATES,
  incidentDetailFields,
  incidentDetailOf,
  incidentField,
  incidentFields,
  incidentOf,
  incidentText,
} from './incident.ts'
export { atField, momentOf, rangeFields, rangeOf } from './range.ts'
export { requestFields, requestOf, requestText } from './request.ts'
export { readRowsCursor, rowsPage } from './rows-page.ts'
export { sumsFields, sumsText } from './sums.ts'
export { isoTime, isoTimeOrNull, quoted, spanText } from './text.ts'
export { pastThrottleFields, pastThrottleOf, throttleFields, throttleOf, throttleText } from './throttle.ts'
export { throttlePage, throttlesInForce } from './throttle-page.ts'
export { usageFields, usageOf, usageText } from './usage.ts'
