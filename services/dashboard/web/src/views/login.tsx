import { useEffect, useState } from 'preact/hooks'
import { logIn, register } from '../live/session.ts'

export function Login() {
  const [isNew, setNew] = useState(false)
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<string>()
  useEffect(() => {
    document.title = `${isNew ? 'Register' : 'Log in'} · Fluxgate`
  }, [isNew])

  async function send(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setFault(undefined)
    const answer = await (isNew ? register : logIn)(email, password)
    setBusy(false)
    if (!answer.ok) setFault(answer.fault.message)
  }

  return (
    <main class="login">
      <form class="login-card" onSubmit={event => void send(event)}>
        <div class="login-brand">
          <img src="/icon.svg" width={36} height={36} alt="" />
          <h1>Fluxgate</h1>
        </div>
        <p class="muted">Operations and developer portal</p>
        <label class="field">
          <span>E-mail</span>
          <input
            type="email"
            name="email"
            autoComplete="username"
            required
            data-testid="login-email"
            value={email}
            onInput={event => setEmail(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Password</span>
          <input
            type="password"
            name="password"
            autoComplete={isNew ? 'new-password' : 'current-password'}
            required
            data-testid="login-password"
            value={password}
            onInput={event => setPassword(event.currentTarget.value)}
          />
        </label>
        <p class="field-fault" role="alert">
          {fault}
        </p>
        <button type="submit" class="primary wide" data-testid="login-submit" disabled={busy}>
          {busy ? 'One moment…' : isNew ? 'Register' : 'Log in'}
        </button>
        <button
          type="button"
          class="bare wide"
          data-testid="login-other"
          onClick={() => {
            setNew(!isNew)
            setFault(undefined)
          }}
        >
          {isNew ? 'I have an account' : 'I have no account yet'}
        </button>
      </form>
    </main>
  )
}
