import { useEffect, useState } from 'preact/hooks'
import { invitationInLink, logIn, type Registration, readRegistration, register } from './session.ts'

const INVITED = 'You are invited. Register with the e-mail address of the invitation.'
const BY_INVITATION = 'Registration is by invitation. Ask an operator for a link.'
const CLOSED = 'Registration is closed. Operators create accounts.'

function isOpen(registration: Registration | undefined): boolean {
  return registration?.mode === 'open' || registration?.mode === 'domain'
}

export function Login() {
  const [invitation] = useState(invitationInLink)
  const [isNew, setNew] = useState(invitation !== undefined)
  const registration = useRegistration()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string>()
  useEffect(() => {
    document.title = `${isNew ? 'Register' : 'Log in'} · Fluxgate`
  }, [isNew])

  const mayRegister = invitation !== undefined || isOpen(registration)

  async function send(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setError(undefined)
    const answer = await (isNew ? register(email, password, invitation) : logIn(email, password))
    setBusy(false)
    if (!answer.ok) setError(answer.error.message)
  }
  return (
    <main class="login">
      <form class="login-card" onSubmit={event => void send(event)}>
        <div class="login-brand">
          <img src="/icon.svg" width={36} height={36} alt="" />
          <h1>Fluxgate</h1>
        </div>
        <p class="muted">{isNew && invitation ? INVITED : 'Operations and developer portal'}</p>
        <Field label="E-mail" name="email" autoComplete="username" value={email} onValue={setEmail} />
        <Field
          label="Password"
          name="password"
          autoComplete={isNew ? 'new-password' : 'current-password'}
          value={password}
          onValue={setPassword}
        />
        <p class="field-error" role="alert">
          {error}
        </p>
        <button type="submit" class="primary wide" data-testid="login-submit" disabled={busy}>
          {busy ? 'One moment…' : isNew ? 'Register' : 'Log in'}
        </button>
        {mayRegister && (
          <button
            type="button"
            class="bare wide"
            data-testid="login-other"
            onClick={() => {
              setNew(!isNew)
              setError(undefined)
            }}
          >
            {isNew ? 'Log in instead' : 'Create an account'}
          </button>
        )}
        {registration && !invitation && <RegistrationNote registration={registration} isNew={isNew} />}
      </form>
    </main>
  )
}

function Field(props: {
  label: string
  name: 'email' | 'password'
  autoComplete: 'username' | 'new-password' | 'current-password'
  value: string
  onValue: (value: string) => void
}) {
  const { label, name, autoComplete, value, onValue } = props
  const input = {
    name,
    autoComplete,
    value,
    required: true,
    'data-testid': `login-${name}`,
    onInput: (event: { currentTarget: HTMLInputElement }) => onValue(event.currentTarget.value),
  }
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: one of two inputs is in it
    <label class="field">
      <span>{label}</span>
      {name === 'email' ? <input type="email" {...input} /> : <input type="password" {...input} />}
    </label>
  )
}

/** Who may register, for somebody without an invitation. */
function RegistrationNote({ registration, isNew }: { registration: Registration; isNew: boolean }) {
  if (!isOpen(registration)) {
    return (
      <p class="muted" data-testid="login-closed">
        {registration.mode === 'off' ? CLOSED : BY_INVITATION}
      </p>
    )
  }
  if (!isNew || !registration.domain) return null
  return <p class="muted">Registration is open to addresses at {registration.domain}.</p>
}

function useRegistration(): Registration | undefined {
  const [registration, setRegistration] = useState<Registration>()
  useEffect(() => {
    void readRegistration().then(answer => {
      if (answer.ok) setRegistration(answer.value)
    })
  }, [])
  return registration
}
