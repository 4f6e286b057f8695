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
  plural,
  rate,
  setting,
  span,
  textOf,
} from './format.ts'
export { Ago, Time, utc } from './time.tsx'
