import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const OUTPUT_KEPT_CHARS = 200_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** A line for the person who has to do something; no stack. */
export class UserError extends Error {}

/** Runs to the end and keeps what it printed. */
export function capture(command, args, options = {}) {
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', chunk => {
        output = (output + chunk).slice(-OUTPUT_KEPT_CHARS)
      })
    }
    child.on('error', error => resolve({ code: 127, output: error.message }))
    child.on('close', code => resolve({ code: code ?? 1, output }))
  })
}

/**
 * Runs in the foreground: the same terminal, signals passed on. Resolves with the exit status as a shell tells it.
 * `ipc`: the child notices when this process is gone.
 */
export function foreground(command, args, { ipc = false, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = ['inherit', 'inherit', 'inherit', ...(ipc ? ['ipc'] : [])]
    const child = spawn(command, args, { cwd: ROOT, ...options, stdio })
    const forward = signal => child.kill(signal)
    for (const signal of SIGNALS) process.on(signal, forward)
    const finish = () => {
      for (const signal of SIGNALS) process.off(signal, forward)
    }
    child.on('error', error => {
      finish()
      reject(new UserError(`${command} could not be started: ${error.message}`))
    })
    child.on('exit', (code, signal) => {
      finish()
      resolve(code ?? 128 + (SIGNAL_NUMBERS[signal] ?? 0))
    })
  })
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }

/** The npm that runs this, or the one on PATH; never under the pinned Node, which an install replaces. */
export function npmCommand(env = process.env) {
  const cli = env.npm_execpath
  if (cli?.endsWith('npm-cli.js') && existsSync(cli)) {
    const node = [env.npm_node_execpath, process.execPath].find(path => path && !isInstalled(path))
    if (node) return { command: node, prefix: [cli] }
  }
  return { command: process.platform === 'win32' ? 'npm.cmd' : 'npm', prefix: [] }
}

/** The environment for npm: without the variables of the script it may be called from. */
export function npmEnvironment(env = process.env) {
  const kept = Object.entries(env).filter(
    ([name]) => !/^npm_(package|lifecycle|command|execpath|node_execpath)/.test(name),
  )
  const path = (env.PATH ?? '')
    .split(delimiter)
    .filter(directory => !isInstalled(directory))
    .join(delimiter)
  return { ...Object.fromEntries(kept), PATH: path }
}

/** Runs `npm …` and keeps its output. */
export function npm(args, extraEnv = {}) {
  const { command, prefix } = npmCommand()
  return capture(command, [...prefix, ...args], {
    env: { ...npmEnvironment(), ...extraEnv },
    shell: command.endsWith('.cmd'),
  })
}

function isInstalled(path) {
  return path.startsWith(join(ROOT, 'node_modules') + sep)
}

/** A program's path when PATH or one of the given files has it. */
export function findProgram(name, files = [], path = (process.env.PATH ?? '').split(delimiter)) {
  const onPath = path.map(directory => join(directory, name))
  return [...onPath, ...files].find(path => dirname(path) !== '.' && existsSync(path))
}
