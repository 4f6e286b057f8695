import { useEffect, useState } from 'preact/hooks'
import { logIn } from '../live/session.ts'

export function Login() {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<string>()
  useEffect(() => {
    document.title = 'Log in · Fluxgate'
  }, [])

  async function send(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    setBusy(true)
    setFault(undefined)
    const answer = await logIn(email, password)
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
            autoComplete="current-password"
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
          {busy ? 'Logging in…' : 'Log in'}
        </button>
      </form>
    </main>
  )
}
