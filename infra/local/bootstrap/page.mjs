import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { npm, ROOT, UserError } from './processes.mjs'

const DASHBOARD = join(ROOT, 'services', 'dashboard')
/** Where it is, once built. */
export const PAGE = join(DASHBOARD, 'dist')
/** What the last build was made of, as its configuration writes it. */
const SOURCES = join(ROOT, '.cache', 'dashboard-sources.json')

/** Builds the dashboard's page unless the last build is newer than all that it was made of. */
export async function buildPage() {
  if (isFresh()) return
  console.log("Building the dashboard's page.")
  const { code, output } = await npm(['run', '--silent', 'build', '--workspace', 'services/dashboard'])
  if (code !== 0) throw new UserError(`${output.trim()}\n\nThe dashboard's page could not be built.`)
}

function isFresh() {
  const page = join(PAGE, 'index.html')
  if (!existsSync(page) || !existsSync(SOURCES)) return false
  const publicFiles = readdirSync(join(DASHBOARD, 'web', 'public')).map(name =>
    join(DASHBOARD, 'web', 'public', name),
  )
  const others = ['package-lock.json', 'services/dashboard/vite.config.ts'].map(name => join(ROOT, name))
  const files = [...JSON.parse(readFileSync(SOURCES, 'utf8')), ...publicFiles, ...others]
  const builtMs = statSync(page).mtimeMs
  return files.every(file => existsSync(file) && statSync(file).mtimeMs <= builtMs)
}
