export { Login } from './login.tsx'
export { loadSession, logOut, session } from './session.ts'
export { Sessions } from './sessions.tsx'
