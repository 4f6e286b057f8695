export { lazy } from './lazy.tsx'
export { Shell } from './shell.tsx'
