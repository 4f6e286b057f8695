import type { PolicyChangeView, PolicyPage } from '../../../src/policy/answers.ts'
import { useResource } from '../data/index.ts'
import { humanized, Time } from '../format/index.ts'
import { Empty, Loaded, PageHead, Panel, Tabs } from '../layout/index.ts'
import { useRoute } from '../router/index.ts'
import { PolicyEditor } from './policy-editor.tsx'
import { ShadowResults } from './shadow-results.tsx'

/** The guard's policies: edited, what the shadow would have done, and who changed what. */
export function Policy() {
  const page = useResource<PolicyPage>('/api/policies')
  const asJson = useRoute().query.get('as') === 'json'
  return (
    <>
      <PageHead title="Policy">
        <Tabs
          label="Policy format"
          tabs={[
            { text: 'Thresholds', href: '/policy', isHere: !asJson },
            { text: 'JSON', href: '/policy?as=json', isHere: asJson },
          ]}
        />
      </PageHead>
      <Loaded resource={page} rows={8}>
        {({ policies, changes, defaults }) => (
          <>
            {policies.map(each => (
              <PolicyEditor
                key={each.key + JSON.stringify(each.policy)}
                view={each}
                start={policies.find(({ policy }) => policy !== null)?.policy ?? defaults}
                asJson={asJson}
                onSaved={page.reload}
              />
            ))}
            <ShadowResults />
            <Panel title="Changes" class="list-panel">
              {changes.length === 0 ? (
                <Empty icon="policy">No policy changes yet.</Empty>
              ) : (
                <ul class="policy-changes">
                  {changes.map(change => (
                    <Change key={change.id} change={change} />
                  ))}
                </ul>
              )}
            </Panel>
          </>
        )}
      </Loaded>
    </>
  )
}

/** The path of a change of all there is. */
const WHOLE = '/'

function Change({ change: { at, actor, policy, changes } }: { change: PolicyChangeView }) {
  return (
    <li>
      <p>
        <strong>{humanized(policy)}</strong> by {actor} <Time at={at} />
      </p>
      <ul>
        {changes.map(({ path, from, to }) =>
          from === undefined && to === undefined ? (
            <li key={path}>{path}</li>
          ) : path === WHOLE ? (
            <li key={path}>
              {from === undefined ? 'Set' : to === undefined ? 'Removed' : 'Replaced'}, as a whole
            </li>
          ) : (
            <li key={path}>
              <code>{path}</code> <del>{short(from)}</del> <ins>{short(to)}</ins>
            </li>
          ),
        )}
      </ul>
    </li>
  )
}

const MAX_CHARS = 160

function short(json: string | undefined): string {
  if (json === undefined) return 'nothing'
  return json.length > MAX_CHARS ? `${json.slice(0, MAX_CHARS)}…` : json
}
