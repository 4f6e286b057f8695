import { render } from 'preact'
import { App } from './app.tsx'
import { followAddress } from './router/index.ts'
import { loadSession } from './session/index.ts'
import './styles.ts'

followAddress()
void loadSession()
render(<App />, document.getElementById('app')!)
