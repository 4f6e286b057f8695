import type { SessionView } from '../../../src/sessions/answers.ts'
import type { UsageView } from '../../../src/usage/answers.ts'
import { useResource } from '../data/index.ts'
import { count, dollars } from '../format/index.ts'
import { KEYS_PATH, type KeyList } from '../keys/index.ts'
import { Badge, Loaded, PageHead, Panel } from '../layout/index.ts'
import { type Column, DataTable } from '../table/index.ts'
import { Limits } from './limits.tsx'
import { everyMsOf, RANGE_CHOICES, useRange } from './range.ts'
import { UsageCharts } from './range-charts.tsx'
import { RangeTabs } from './range-tiles.tsx'
import { UsageParts } from './usage-parts.tsx'
import { UsageTiles } from './usage-tiles.tsx'

const CHOICES = RANGE_CHOICES.filter(({ name }) => name !== '5m')

const MODELS: readonly Column<UsageView['models'][number]>[] = [
  { name: 'Model', share: 34, cell: ({ model }) => model || <span class="muted">none named</span> },
  {
    name: 'Requests',
    share: 18,
    isFigure: true,
    sortBy: row => row.admitted,
    cell: row => count(row.admitted),
  },
  {
    name: 'Prompt / completion',
    share: 30,
    isFigure: true,
    cell: row => `${count(row.promptTokens)} / ${count(row.completionTokens)}`,
  },
  {
    name: 'Cost, US$',
    share: 18,
    isFigure: true,
    sortBy: row => row.costMicros,
    cell: row => dollars(row.costMicros),
  },
]

/** The visitor's own usage and limits. */
export function Usage({ me }: { me: SessionView }) {
  const range = useRange(CHOICES)
  const usage = useResource<UsageView>(`/api/me/usage?range=${range.name}`, {
    everyMs: everyMsOf(range.name),
  })
  const keys = useResource<KeyList>(KEYS_PATH)
  return (
    <>
      <PageHead title="My usage">
        <RangeTabs path="/usage" choices={CHOICES} here={range} />
      </PageHead>
      <Loaded resource={usage} rows={8}>
        {view => (
          <>
            <UsageTiles usage={view} range={range} />
            <UsageParts sum={view.total} />
            <UsageCharts usage={view} spanText={`last ${range.text}`} />
            <div class="two">
              <Panel title="My limits" class="list-panel" aside={<Badge>{me.tier} tier</Badge>}>
                <Limits limits={view.limits} keys={keys.data?.keys ?? []} />
              </Panel>
              <Panel title="By model" class="list-panel">
                <DataTable
                  columns={MODELS}
                  rows={view.models}
                  keyOf={({ model }) => model}
                  size="compact"
                  rowProps={() => ({ 'data-testid': 'model-row' })}
                  empty={['overview', 'No model requests in this period.']}
                />
              </Panel>
            </div>
          </>
        )}
      </Loaded>
    </>
  )
}
