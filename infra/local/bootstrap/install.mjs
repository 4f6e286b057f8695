import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { npm, ROOT, UserError } from './processes.mjs'

const MODULES = join(ROOT, 'node_modules')
const STAMP = join(MODULES, '.fluxgate-installed')
/** Outside node_modules, which an install removes. */
const LOCK = join(ROOT, '.fluxgate', 'install.lock')
const POLL_MS = 200
/** A holder that has not even written its name by then has died. */
const NAMELESS_MS = 10_000
const GUARD = 'FLUXGATE_INSTALLING'

/** Installs the packages of package-lock.json unless just these are there. */
export async function install() {
  if (isInstalled()) return
  if (process.env[GUARD]) throw new UserError('npm ci started this command again; stopping here')
  const release = await lock()
  try {
    // Another process may have done it meanwhile.
    if (isInstalled()) return
    console.log('Installing packages (npm ci); the first time takes a minute.')
    const { code, output } = await npm(['ci', '--no-audit', '--no-fund'], { [GUARD]: '1' })
    if (code !== 0) throw new UserError(`${output.trim()}\n\nnpm ci failed with status ${code}.`)
    writeFileSync(STAMP, fingerprint())
  } finally {
    release()
  }
}

function isInstalled() {
  if (!existsSync(MODULES)) return false
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === fingerprint()) return true
  if (!matchesLockfile()) return false
  writeFileSync(STAMP, fingerprint())
  return true
}

function fingerprint() {
  return createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')
}

/** What npm itself noted when somebody ran it by hand, against the lockfile. */
function matchesLockfile() {
  const noted = packagesOf(join(MODULES, '.package-lock.json'))
  const wanted = packagesOf(join(ROOT, 'package-lock.json'))
  if (!noted || !wanted) return false
  const same = Object.entries(noted).every(([path, { version, integrity }]) => {
    // Our own packages are links: where their folder is makes no difference.
    if (!path.includes('node_modules/')) return true
    const want = wanted[path]
    return want && want.version === version && (!want.integrity || !integrity || want.integrity === integrity)
  })
  return (
    same &&
    Object.entries(wanted).every(([path, { optional }]) => {
      return !path.includes('node_modules/') || optional || path in noted
    })
  )
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Waits until no other process installs; a holder that died is passed over. */
async function lock() {
  mkdirSync(join(ROOT, '.fluxgate'), { recursive: true, mode: 0o700 })
  for (let told = false; ; ) {
    try {
      mkdirSync(LOCK)
      writeFileSync(join(LOCK, 'pid'), String(process.pid))
      return () => rmSync(LOCK, { recursive: true, force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isAbandoned()) {
      rmSync(LOCK, { recursive: true, force: true })
      continue
    }
    if (!told) console.log('Another process installs the packages; waiting for it.')
    told = true
    await sleep(POLL_MS)
  }
}

function isAbandoned() {
  try {
    const pid = Number(readFileSync(join(LOCK, 'pid'), 'utf8'))
    if (pid > 0) {
      process.kill(pid, 0)
      return false
    }
  } catch (error) {
    if (error.code === 'ESRCH') return true
    if (error.code === 'EPERM') return false
  }
  try {
    return Date.now() - statSync(LOCK).mtimeMs > NAMELESS_MS
  } catch {
    return false
  }
}
