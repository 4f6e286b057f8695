import type { WhatIfAnswer, WhatIfDifference, WhatIfRowView } from '../../../src/forensics/answers.ts'
import { count, humanized, Time } from '../format/index.ts'
import { Badge, Panel, type Tone } from '../layout/index.ts'
import { IdentityLink } from './links.tsx'

const TONES: Readonly<Record<WhatIfDifference, Tone>> = {
  same: 'neutral',
  changed: 'warn',
  new: 'bad',
  gone: 'good',
}

export function WhatIfTable({ rows, all }: { rows: readonly WhatIfRowView[]; all: number }) {
  return (
    <Panel
      title="Decisions"
      class="list-panel"
      {...(rows.length < all ? { note: `${count(rows.length)} of them` } : {})}
      aside={<span class="count num">{count(all)}</span>}
    >
      <div class="table-wrap capped">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Identity</th>
              <th scope="col">Difference</th>
              <th scope="col">Rule</th>
              <th scope="col">Would be</th>
              <th scope="col">Was</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ difference, identity, would, was }) => (
              <tr
                key={`${identity} ${(would ?? was)?.incident}`}
                data-testid="whatif-row"
                data-difference={difference}
              >
                <th scope="row">
                  <IdentityLink identity={identity} />
                </th>
                <td data-label="Difference">
                  <Badge tone={TONES[difference]}>{difference}</Badge>
                </td>
                <td data-label="Rule" title={(would ?? was)?.explanation}>
                  {humanized((would ?? was)?.rule ?? '')}
                </td>
                <td data-label="Would be">
                  <AnswerText answer={would} />
                </td>
                <td data-label="Was">
                  {was ? (
                    <a href={`/incidents/${was.incident}`}>
                      <AnswerText answer={was} />
                    </a>
                  ) : (
                    '–'
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
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
