import { useState } from 'preact/hooks'
import type { PolicyChangeView, PolicyPage, PolicyView } from '../../../src/core/wire.ts'
import { put, remove } from '../live/api.ts'
import { notify } from '../live/notices.ts'
import { useResource } from '../live/resource.ts'
import { Badge } from '../parts/badge.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { humanized } from '../parts/format.ts'
import { PageHead } from '../parts/page-head.tsx'
import { Panel } from '../parts/panel.tsx'
import { ShadowResults } from '../parts/shadow-results.tsx'
import { Empty, Loaded } from '../parts/states.tsx'
import { Time } from '../parts/time.tsx'

const WORDS = {
  guard: {
    title: 'In force',
    note: 'What the guard goes by.',
    none: 'None is set: the guard goes by its environment. What you save here takes its place.',
  },
  'guard-shadow': {
    title: 'Shadow',
    note: 'Decided beside the one in force and told in the log, never enforced.',
    none: 'There is no shadow policy. Save one to see what it would do.',
  },
}

/** The guard's policies as JSON: valid ones take effect at once, others are refused with the reason. */
export function Policy() {
  const page = useResource<PolicyPage>('/api/policies')
  return (
    <>
      <PageHead title="Policy" />
      <Loaded resource={page} rows={8}>
        {({ policies, changes }) => (
          <>
            {policies.map(each => (
              <Editor key={each.key + JSON.stringify(each.policy)} view={each} onSaved={page.reload} />
            ))}
            <ShadowResults />
            <Panel title="Changes" class="list-panel">
              {changes.length === 0 ? (
                <Empty icon="policy">Nobody has changed a policy yet.</Empty>
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

function Editor({ view: { key, policy }, onSaved }: { view: PolicyView; onSaved: () => void }) {
  const before = policy === null ? '' : JSON.stringify(policy, null, 2)
  const [text, setText] = useState(before)
  const [fault, setFault] = useState<string>()
  const [isAsking, setAsking] = useState(false)
  const words = WORDS[key]
  const path = `/api/policies/${key}`

  async function save(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const wanted = readJson(text)
    if (!wanted.ok) return setFault(wanted.message)
    const answer = await put(path, { policy: wanted.value })
    if (!answer.ok) return setFault(answer.fault.message)
    notify('done', 'The policy is in its place.')
    onSaved()
  }

  async function takeAway(): Promise<void> {
    const answer = await remove(path)
    if (!answer.ok) return setFault(answer.fault.message)
    notify('done', 'The policy is gone.')
    onSaved()
  }

  return (
    <Panel title={words.title} note={words.note} aside={policy === null && <Badge>not set</Badge>}>
      <form class="policy-form" onSubmit={event => void save(event)}>
        <label class="field">
          <span>{policy === null ? words.none : 'JSON'}</span>
          <textarea
            class="policy-text"
            data-testid={`policy-${key}`}
            rows={policy === null ? 4 : 14}
            spellcheck={false}
            value={text}
            onInput={event => {
              setText(event.currentTarget.value)
              setFault(undefined)
            }}
          />
        </label>
        <p class="field-fault" role="alert">
          {fault}
        </p>
        <div class="policy-orders">
          <button
            type="submit"
            class="primary"
            data-testid={`save-${key}`}
            disabled={text.trim() === '' || text === before}
          >
            Save
          </button>
          <button type="button" disabled={text === before} onClick={() => setText(before)}>
            Undo
          </button>
          {policy !== null && (
            <button type="button" data-testid={`remove-${key}`} onClick={() => setAsking(true)}>
              Take away
            </button>
          )}
        </div>
      </form>
      {isAsking && (
        <Dialog title="Take this policy away?" onClose={() => setAsking(false)}>
          <p class="dialog-text">
            {key === 'guard'
              ? 'The guard goes by its environment then.'
              : 'Nothing is decided in its shadow then.'}
          </p>
          <footer class="dialog-foot">
            <button type="button" onClick={() => setAsking(false)}>
              Cancel
            </button>
            <button
              type="button"
              class="danger"
              data-testid="remove-confirm"
              onClick={() => {
                setAsking(false)
                void takeAway()
              }}
            >
              Take away
            </button>
          </footer>
        </Dialog>
      )}
    </Panel>
  )
}

function readJson(text: string): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch (error) {
    return { ok: false, message: `This is no JSON: ${(error as Error).message}` }
  }
}

function Change({ change: { at, actor, policy, changes } }: { change: PolicyChangeView }) {
  return (
    <li>
      <p>
        <strong>{humanized(policy)}</strong> by {actor} <Time at={at} />
      </p>
      <ul>
        {changes.map(({ path, from, to }) => (
          <li key={path}>
            <code>{path === '' ? '/' : path}</code> <del>{short(from)}</del> <ins>{short(to)}</ins>
          </li>
        ))}
      </ul>
    </li>
  )
}

const MAX_CHARS = 160

function short(json: string | undefined): string {
  if (json === undefined) return 'nothing'
  return json.length > MAX_CHARS ? `${json.slice(0, MAX_CHARS)}…` : json
}
