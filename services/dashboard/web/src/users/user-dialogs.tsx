import { useState } from 'preact/hooks'
import type { TierView } from '../../../src/accounts/answers.ts'
import { post, useResource } from '../data/index.ts'
import { OrderDialog } from '../dialogs/index.ts'
import { setting } from '../format/index.ts'

const MAX_REASON = 4_000
const REASON = {
  label: 'Reason',
  placeholder: 'Why. It is recorded in the log with your name.',
  maxLength: MAX_REASON,
}

export interface UserDialogProps {
  readonly user: string
  readonly onClose: () => void
}

export function TierDialog({ user, tier, onClose }: UserDialogProps & { tier: string }) {
  const [chosen, setChosen] = useState(tier)
  return (
    <OrderDialog
      {...REASON}
      title={`Change the tier of ${user}?`}
      confirm="Change tier"
      testId="tier"
      done={`${user} is in tier ${chosen} now, at every gateway.`}
      isReady={chosen !== tier}
      order={reason => post(`/api/users/${user}/tier`, { tier: chosen, reason })}
      onClose={onClose}
    >
      <p>Applies to all keys of the user without a limit of their own.</p>
      <TierField value={chosen} onChange={setChosen} />
    </OrderDialog>
  )
}

export function RoleDialog({ user, role, onClose }: UserDialogProps & { role: string }) {
  const wanted = role === 'operator' ? 'developer' : 'operator'
  return (
    <OrderDialog
      {...REASON}
      title={`Make ${user} ${wanted === 'operator' ? 'an operator' : 'a developer'}?`}
      confirm="Change role"
      testId="role"
      done={`${user} is ${wanted} now.`}
      order={reason => post(`/api/users/${user}/role`, { role: wanted, reason })}
      onClose={onClose}
    >
      <p>
        {wanted === 'operator'
          ? 'Operators see all users, throttle, pardon and change the policy.'
          : 'Developers see only their own keys and usage.'}
      </p>
    </OrderDialog>
  )
}

export function DisableDialog({ user, isDisabled, onClose }: UserDialogProps & { isDisabled: boolean }) {
  const word = isDisabled ? 'enable' : 'disable'
  return (
    <OrderDialog
      {...REASON}
      title={isDisabled ? `Enable ${user} again?` : `Disable ${user}?`}
      confirm={isDisabled ? 'Enable' : 'Disable'}
      tone={isDisabled ? 'primary' : 'danger'}
      testId={word}
      done={`${user} is ${word}d.`}
      order={reason => post(`/api/users/${user}/${word}`, { reason })}
      onClose={onClose}
    >
      <p>
        {isDisabled
          ? 'The keys work again; the user has to log in again.'
          : 'All sessions end and all keys are refused, at every gateway, until the user is enabled again.'}
      </p>
    </OrderDialog>
  )
}

export function CreateUserDialog({ onClose }: { onClose: () => void }) {
  const [user, setUser] = useState('')
  const [tier, setTier] = useState('free')
  const [role, setRole] = useState('developer')
  return (
    <OrderDialog
      {...REASON}
      title="Create a user"
      confirm="Create"
      testId="user"
      done="User created."
      isReady={/^[\w-]{1,64}$/.test(user)}
      order={reason => post('/api/users', { user, tier, role, reason })}
      onClose={onClose}
    >
      <p>A user created here has keys and no password. People who log in register themselves.</p>
      <div class="fields">
        <label class="field">
          <span>Id</span>
          <input
            data-testid="user-id"
            maxLength={64}
            placeholder="team-search"
            value={user}
            onInput={event => setUser(event.currentTarget.value)}
          />
        </label>
        <TierField value={tier} onChange={setTier} />
        <label class="field">
          <span>Role</span>
          <select value={role} onChange={event => setRole(event.currentTarget.value)}>
            <option>developer</option>
            <option>operator</option>
          </select>
        </label>
      </div>
    </OrderDialog>
  )
}

export function RevokeUserKeyDialog(props: UserDialogProps & { keyId: string; name: string }) {
  const { user, keyId, name, onClose } = props
  return (
    <OrderDialog
      {...REASON}
      title={`Revoke ${name}?`}
      confirm="Revoke"
      tone="danger"
      testId="revoke"
      done="Revoked at every gateway."
      order={reason => post(`/api/users/${user}/keys/${keyId}/revoke`, { reason })}
      onClose={onClose}
    >
      <p>The next call with this key is refused. It cannot be undone.</p>
    </OrderDialog>
  )
}

function TierField({ value, onChange }: { value: string; onChange: (tier: string) => void }) {
  const tiers = useResource<readonly TierView[]>('/api/tiers')
  const known = tiers.data ?? []
  const isKnown = known.some(({ name }) => name === value)
  return (
    <label class="field">
      <span>Tier</span>
      <select data-testid="tier-choice" value={value} onChange={event => onChange(event.currentTarget.value)}>
        {!isKnown && <option value={value}>{value}</option>}
        {known.map(({ name, capacity, refillRate }) => (
          <option key={name} value={name}>
            {name}: {setting(capacity)} tok, +{setting(refillRate)}/s
          </option>
        ))}
      </select>
    </label>
  )
}
