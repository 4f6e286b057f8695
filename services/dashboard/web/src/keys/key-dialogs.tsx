import { useState } from 'preact/hooks'
import type { KeyView } from '../../../src/accounts/answers.ts'
import type { SessionView } from '../../../src/sessions/answers.ts'
import { Dialog, notify } from '../dialogs/index.ts'
import { CopyButton } from '../layout/index.ts'
import { ExpiryField } from './expiry-field.tsx'
import { createKey, revokeKey } from './portal.ts'
import { Snippets } from './snippet.tsx'

const MAX_NAME = 100

/** Asks for a name, then shows the key, this once. */
export function CreateKeyDialog({ me, onClose }: { me: SessionView; onClose: () => void }) {
  const [made, setMade] = useState<string>()
  return made === undefined ? (
    <NameKey onMade={setMade} onClose={onClose} />
  ) : (
    <ShowKey apiKey={made} me={me} onClose={onClose} />
  )
}

function ShowKey({ apiKey, me, onClose }: { apiKey: string; me: SessionView; onClose: () => void }) {
  return (
    <Dialog title="Your new key" onClose={onClose}>
      <p class="dialog-text">
        Copy it now. It is shown once and not stored. Anyone who has it can spend your tokens.
      </p>
      <div class="secret">
        <code data-testid="new-key">{apiKey}</code>
        <CopyButton text={apiKey} />
      </div>
      <Snippets me={me} apiKey={apiKey} />
      <footer class="dialog-foot">
        <button type="button" class="primary" onClick={onClose}>
          I have it
        </button>
      </footer>
    </Dialog>
  )
}

function NameKey({ onMade, onClose }: { onMade: (key: string) => void; onClose: () => void }) {
  const [name, setName] = useState('')
  const [days, setDays] = useState<number>()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string>()

  async function send(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    setBusy(true)
    const answer = await createKey(name.trim(), days)
    setBusy(false)
    if (answer.ok) onMade(answer.value.key)
    else setError(answer.error.message)
  }

  return (
    <Dialog title="Create a key" onClose={onClose}>
      <form onSubmit={event => void send(event)}>
        <label class="field">
          <span>Name</span>
          <input
            required
            maxLength={MAX_NAME}
            placeholder="For example: laptop"
            data-testid="key-name"
            value={name}
            onInput={event => setName(event.currentTarget.value)}
          />
        </label>
        <ExpiryField days={days} onChange={setDays} />
        <p class="field-error" role="alert">
          {error}
        </p>
        <footer class="dialog-foot">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class="primary"
            data-testid="key-confirm"
            disabled={busy || name.trim() === ''}
          >
            {busy ? 'Creating…' : 'Create'}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}

export function RevokeKeyDialog({ apiKey, onClose }: { apiKey: KeyView; onClose: () => void }) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string>()

  async function revoke(): Promise<void> {
    setBusy(true)
    const answer = await revokeKey(apiKey.id)
    setBusy(false)
    if (!answer.ok) return setError(answer.error.message)
    notify('done', `${nameOf(apiKey)} is revoked at every gateway.`)
    onClose()
  }

  return (
    <Dialog title={`Revoke ${nameOf(apiKey)}?`} onClose={onClose}>
      <p class="dialog-text">
        Requests with <code>{`${apiKey.prefix}…${apiKey.last4}`}</code> are refused from now on, at every
        gateway. This cannot be undone.
      </p>
      <p class="field-error" role="alert">
        {error}
      </p>
      <footer class="dialog-foot">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="danger"
          data-testid="revoke-confirm"
          disabled={busy}
          onClick={() => void revoke()}
        >
          Revoke
        </button>
      </footer>
    </Dialog>
  )
}

function nameOf({ name, prefix, last4 }: KeyView): string {
  return name || `${prefix}…${last4}`
}
