import { useState } from 'preact/hooks'
import type { WhatIfBase, WhatIfView } from '../../../src/forensics/answers.ts'
import { useResource } from '../data/index.ts'
import { plural } from '../format/index.ts'
import { Empty, Loaded, PageHead, Panel } from '../layout/index.ts'
import { useRoute } from '../router/index.ts'
import { ForensicsTabs } from './forensics-tabs.tsx'
import { useJob } from './job.ts'
import { JobBar } from './job-bar.tsx'
import { Dropped } from './links.tsx'
import { PolicyForm, policyOf } from './policy-form.tsx'
import { SpanFields, spanAt } from './span.tsx'
import { WhatIfChart } from './what-if-chart.tsx'
import { WhatIfTable } from './what-if-table.tsx'

const PATH = '/forensics/what-if'

/** Who would have been throttled by other thresholds, and when, beside what happened. What is changed stands in the address. */
export function WhatIf() {
  const base = useResource<WhatIfBase>('/api/forensics/whatif')
  return (
    <>
      <PageHead title="What-if">
        <ForensicsTabs here={PATH} />
      </PageHead>
      <Loaded resource={base} rows={8}>
        {data => <Trial base={data} />}
      </Loaded>
    </>
  )
}

function Trial({ base }: { base: WhatIfBase }) {
  const { query } = useRoute()
  const job = useJob<WhatIfView>('/api/forensics/whatif')
  const run = () => {
    const { from, to } = spanAt(query, '24h', Date.now())
    job.run({ policy: policyOf(base.policy, query), from, to })
  }
  return (
    <>
      <Panel
        title="Policy to try"
        note={base.source === 'set' ? 'starts from the current policy' : 'starts from the defaults'}
      >
        <PolicyForm base={base.policy} path={PATH} />
        <div class="moment-fields">
          <SpanFields path={PATH} fallback="24h" />
          <button
            type="button"
            class="primary"
            data-testid="whatif-run"
            disabled={job.running !== undefined}
            onClick={run}
          >
            Run over the log
          </button>
          <JobBar job={job} retry={run} />
        </div>
      </Panel>
      {job.value && <Outcome value={job.value} />}
    </>
  )
}

function Outcome({ value }: { value: WhatIfView }) {
  const [changesOnly, setChangesOnly] = useState(false)
  const rows = value.rows.filter(({ difference }) => !changesOnly || difference !== 'same')
  return (
    <div class="stack" data-testid="whatif">
      <Dropped dropped={value.dropped} />
      <Panel
        title="Difference"
        note={`${plural(value.facts, 'event')} evaluated`}
        aside={
          <label class="chip">
            <input
              type="checkbox"
              checked={changesOnly}
              onChange={event => setChangesOnly(event.currentTarget.checked)}
            />
            <span>Only differences</span>
          </label>
        }
      >
        <p class="whatif-sum">
          <strong class="num">{plural(value.throttled.would, 'identity', 'identities')}</strong> would have
          been throttled, <strong class="num">{value.throttled.were}</strong>{' '}
          {value.throttled.were === 1 ? 'was' : 'were'}:{' '}
          <span class="num">
            {value.counts.new} new, {value.counts.gone} gone, {value.counts.changed} changed,{' '}
            {value.counts.same} the same
          </span>
          .
        </p>
        {rows.length === 0 ? (
          <Empty icon="check">No findings with either policy.</Empty>
        ) : (
          <WhatIfChart rows={rows} from={value.from} to={value.to} />
        )}
        <p class="muted">Traffic is replayed as it was. An earlier throttle would have refused some of it.</p>
      </Panel>
      {rows.length > 0 && <WhatIfTable rows={rows} all={value.rowCount} />}
    </div>
  )
}
