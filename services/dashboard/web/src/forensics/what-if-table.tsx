import type { WhatIfAnswer, WhatIfDifference, WhatIfRowView } from '../../../src/forensics/answers.ts'
import { count, humanized, Time } from '../format/index.ts'
import { Badge, Panel, type Tone } from '../layout/index.ts'
import { type Column, DataTable } from '../table/index.ts'
import { IdentityLink } from './links.tsx'

const TONES: Readonly<Record<WhatIfDifference, Tone>> = {
  same: 'neutral',
  changed: 'warn',
  new: 'bad',
  gone: 'good',
}

const COLUMNS: readonly Column<WhatIfRowView>[] = [
  { name: 'Identity', cell: ({ identity }) => <IdentityLink identity={identity} /> },
  { name: 'Difference', cell: ({ difference }) => <Badge tone={TONES[difference]}>{difference}</Badge> },
  {
    name: 'Rule',
    title: ({ would, was }) => (would ?? was)?.explanation,
    cell: ({ would, was }) => humanized((would ?? was)?.rule ?? ''),
  },
  { name: 'Would be', cell: ({ would }) => <AnswerText answer={would} /> },
  {
    name: 'Was',
    cell: ({ was }) =>
      was ? (
        <a href={`/incidents/${was.incident}`}>
          <AnswerText answer={was} />
        </a>
      ) : (
        '–'
      ),
  },
]

export function WhatIfTable({ rows, all }: { rows: readonly WhatIfRowView[]; all: number }) {
  return (
    <Panel
      title="Decisions"
      class="list-panel"
      {...(rows.length < all ? { note: `${count(rows.length)} of them` } : {})}
      aside={<span class="count num">{count(all)}</span>}
    >
      <DataTable
        columns={COLUMNS}
        rows={rows}
        keyOf={({ identity, would, was }) => `${identity} ${(would ?? was)?.incident}`}
        isCapped
        rowProps={({ difference }) => ({ 'data-testid': 'whatif-row', 'data-difference': difference })}
        empty={['check', 'No decisions.']}
      />
    </Panel>
  )
}

function AnswerText({ answer }: { answer: WhatIfAnswer | null }) {
  if (!answer) return <>–</>
  return (
    <>
      {answer.throttled ? 'throttled ' : 'reported only, '}
      <Time at={answer.atMs} />
      {answer.throttled && answer.untilMs !== null && (
        <>
          {' to '}
          <Time at={answer.untilMs} />
        </>
      )}
    </>
  )
}
