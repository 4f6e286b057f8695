import { render } from 'preact'
import { App } from './app.tsx'
import { followAddress } from './live/route.ts'
import { loadSession } from './live/session.ts'
import './styles.ts'

followAddress()
void loadSession()
render(<App />, document.getElementById('app')!)
