import type { Names } from '../../../src/accounts/answers.ts'
import type { ShadowedView, ShadowPage } from '../../../src/policy/answers.ts'
import { useResource } from '../data/index.ts'
import { humanized, plural, span, Time } from '../format/index.ts'
import { Badge, Empty, Identity, Loaded, Panel, Severity, splitIdentity } from '../layout/index.ts'

const EVERY_MS = 30_000

/** What the shadow policy would have done, beside what the one in force did. */
export function ShadowResults() {
  const page = useResource<ShadowPage>('/api/shadowed', { everyMs: EVERY_MS })
  const { items = [], sinceMs } = page.data ?? {}
  const alone = items.filter(({ incident }) => incident === null).length
  const note = sinceMs === undefined ? '' : `last ${span(Date.now() - sinceMs)}`
  return (
    <Panel
      title="What the shadow policy would have done"
      note={note}
      class="list-panel"
      aside={
        items.length > 0 && (
          <span class="count num">
            {plural(items.length, 'finding')}, {alone} in the shadow only
          </span>
        )
      }
    >
      <Loaded resource={page}>
        {({ items: findings, more, names }) =>
          findings.length === 0 ? (
            <Empty icon="policy">No shadow policy findings.</Empty>
          ) : (
            <>
              <ul class="rows shadowed">
                {findings.map(finding => (
                  <Finding key={finding.id} finding={finding} names={names} />
                ))}
              </ul>
              {more && <p class="more muted">Older findings are in the log.</p>}
            </>
          )
        }
      </Loaded>
    </Panel>
  )
}

function Finding({ finding, names }: { finding: ShadowedView; names: Names }) {
  const { identity, rule, severity, explanation, action, incident, at } = finding
  return (
    <li class="row" data-testid="shadowed-row">
      <div class="row-main">
        <p class="row-title">
          <Severity severity={severity} />
          {humanized(rule)}
          <Badge>would {action}</Badge>
          {incident === null ? (
            <Badge tone="warn">shadow only</Badge>
          ) : (
            <a href={`/incidents/${incident}`}>found by both</a>
          )}
        </p>
        <p class="row-note">{explanation}</p>
      </div>
      <div class="row-side">
        <Identity {...splitIdentity(identity)} names={names} isLink />
        <span class="row-when">
          <Time at={at} />
        </span>
      </div>
    </li>
  )
}
