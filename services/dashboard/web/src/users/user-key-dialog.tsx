import { useState } from 'preact/hooks'
import type { MadeKey } from '../../../src/accounts/answers.ts'
import { post } from '../data/index.ts'
import { Dialog, OrderDialog } from '../dialogs/index.ts'
import { ExpiryField } from '../keys/index.ts'
import { CopyButton } from '../layout/index.ts'

const MAX_REASON = 4_000
const MAX_NAME = 100

/** Makes a key for a user, and shows it this once. */
export function CreateUserKeyDialog({ user, onClose }: { user: string; onClose: () => void }) {
  const [name, setName] = useState('')
  const [days, setDays] = useState<number>()
  const [made, setMade] = useState<string>()
  if (made !== undefined) {
    return (
      <Dialog title="The new key" onClose={onClose}>
        <p class="dialog-text">Copy it now. It is shown once and not stored.</p>
        <div class="secret">
          <code data-testid="new-key">{made}</code>
          <CopyButton text={made} />
        </div>
        <footer class="dialog-foot">
          <button type="button" class="primary" onClick={onClose}>
            I have it
          </button>
        </footer>
      </Dialog>
    )
  }
  return (
    <OrderDialog
      title={`Create a key for ${user}`}
      label="Reason"
      placeholder="Why. It is recorded in the log with your name."
      confirm="Create"
      maxLength={MAX_REASON}
      testId="user-key"
      done="Key created."
      isReady={name.trim() !== ''}
      order={async reason => {
        const body = { name: name.trim(), reason, ...(days === undefined ? {} : { expiresInDays: days }) }
        const answer = await post<MadeKey>(`/api/users/${user}/keys`, body)
        if (answer.ok) setMade(answer.value.key)
        return answer
      }}
      staysOpen
      onClose={onClose}
    >
      <div class="fields">
        <label class="field">
          <span>Name</span>
          <input
            data-testid="user-key-name"
            maxLength={MAX_NAME}
            placeholder="ci"
            value={name}
            onInput={event => setName(event.currentTarget.value)}
          />
        </label>
        <ExpiryField days={days} onChange={setDays} />
      </div>
    </OrderDialog>
  )
}
