import { percent } from '../format/index.ts'
import type { RangeChoice } from './range.ts'

/** More than this is a multiple, which a percentage would not tell. */
const MULTIPLE = 10

/** `+12 %`, `−3 %`, `×14`: how a figure stands to the one of the time before. */
export function deltaText(now: number | null, before: number | null): string {
  if (now === null || before === null) return '–'
  if (before === 0) return now === 0 ? '±0 %' : 'new'
  const ratio = now / before
  if (ratio > MULTIPLE) return `×${Math.round(ratio)}`
  const { value } = percent(Math.abs(ratio - 1))
  return value === '0' || value === '<0.1' ? '±0 %' : `${ratio > 1 ? '+' : '−'}${value} %`
}

/** A short note under a figure; on hover, what it is compared with. */
export function Delta(props: { now: number | null; before: number | null; range: RangeChoice }) {
  const { now, before, range } = props
  return <span title={`compared with ${range.before}`}>{deltaText(now, before)} vs. before</span>
}
