import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { npm, ROOT, Trouble } from './processes.mjs'

const DASHBOARD = join(ROOT, 'services', 'dashboard')
const NOT_SOURCES = new Set(['node_modules', 'dist'])

/** Builds the dashboard's page unless the last build is newer than all that it is made of. */
export async function buildPage() {
  const { scripts } = JSON.parse(readFileSync(join(DASHBOARD, 'package.json'), 'utf8'))
  if (!scripts?.build || isFresh()) return
  console.log("Building the dashboard's page.")
  const { code, output } = await npm(['run', '--silent', 'build', '--workspace', 'services/dashboard'])
  if (code !== 0) throw new Trouble(`${output.trim()}\n\nThe dashboard's page could not be built.`)
}

function isFresh() {
  const built = newest(join(DASHBOARD, 'dist'), new Set())
  const lock = statSync(join(ROOT, 'package-lock.json')).mtimeMs
  return built > 0 && built > Math.max(lock, newest(DASHBOARD, NOT_SOURCES))
}

function newest(directory, left) {
  if (!existsSync(directory)) return 0
  const entries = readdirSync(directory, { withFileTypes: true }).filter(entry => !left.has(entry.name))
  const times = entries.map(entry => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? newest(path, left) : statSync(path).mtimeMs
  })
  return Math.max(0, ...times)
}
