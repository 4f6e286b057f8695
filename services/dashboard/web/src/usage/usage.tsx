import type { SessionView } from '../../../src/sessions/answers.ts'
import type { UsageView } from '../../../src/usage/answers.ts'
import { useResource } from '../data/index.ts'
import { count, dollars } from '../format/index.ts'
import { KEYS_PATH, type KeyList } from '../keys/index.ts'
import { Badge, Empty, Loaded, PageHead, Panel } from '../layout/index.ts'
import { Columns } from '../table/index.ts'
import { Limits } from './limits.tsx'
import { everyMsOf, RANGE_CHOICES, useRange } from './range.ts'
import { UsageCharts } from './range-charts.tsx'
import { RangeTabs } from './range-tabs.tsx'
import { UsageParts } from './usage-parts.tsx'
import { UsageTiles } from './usage-tiles.tsx'

const CHOICES = RANGE_CHOICES.filter(({ name }) => name !== '5m')

/** What one has used oneself, and may use. */
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
                <Models usage={view} />
              </Panel>
            </div>
          </>
        )}
      </Loaded>
    </>
  )
}

function Models({ usage: { models } }: { usage: UsageView }) {
  if (models.length === 0) return <Empty icon="overview">No model was asked in this time.</Empty>
  return (
    <div class="table-wrap">
      <table class="table compact fixed">
        <Columns shares={[34, 18, 30, 18]} />
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col" class="right">
              Requests
            </th>
            <th scope="col" class="right">
              Prompt / completion
            </th>
            <th scope="col" class="right">
              Cost, US$
            </th>
          </tr>
        </thead>
        <tbody>
          {models.map(({ model, admitted, promptTokens, completionTokens, costMicros }) => (
            <tr key={model} data-testid="model-row">
              <th scope="row">{model || <span class="muted">none named</span>}</th>
              <td class="right num" data-label="Requests">
                {count(admitted)}
              </td>
              <td class="right num" data-label="Prompt / completion">
                {count(promptTokens)} / {count(completionTokens)}
              </td>
              <td class="right num" data-label="Cost, US$">
                {dollars(costMicros)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
