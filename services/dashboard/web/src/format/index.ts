export {
  bytes,
  count,
  countdown,
  dollars,
  duration,
  type Figure,
  humanized,
  NONE,
  percent,
  placeText,
  plural,
  positionText,
  rate,
  setting,
  span,
  textOf,
} from './format.ts'
export { Ago, Time, utc } from './time.tsx'
