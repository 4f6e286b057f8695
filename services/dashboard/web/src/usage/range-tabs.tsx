import { Tabs } from '../layout/index.ts'
import type { RangeChoice } from './range.ts'

/** The choice stands in the address; the first one is there without being named. */
export function RangeTabs(props: { path: string; choices: readonly RangeChoice[]; here: RangeChoice }) {
  const { path, choices, here } = props
  return (
    <Tabs
      label="Time range"
      tabs={choices.map((choice, i) => ({
        text: choice.text,
        href: i === 0 ? path : `${path}?range=${choice.name}`,
        isHere: choice.name === here.name,
      }))}
    />
  )
}
