import { render } from 'preact'
import { App } from './app.tsx'
import { followAddress } from './router/route.ts'
import { loadSession } from './session/session.ts'
import './styles.ts'

followAddress()
void loadSession()
render(<App />, document.getElementById('app')!)
