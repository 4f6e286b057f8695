import { NODE_FLAGS, pinnedNode } from './pinned-node.mjs'
import { foreground, ROOT, UserError } from './processes.mjs'

/** Name → the file that does it, and what it does. Each reads its own arguments; many know `--help`. */
const GROUPS = {
  'Written files': {
    'contracts:lock': ['shared/contracts/src/lock.ts --write', "the lock of the events' schemas"],
    'docs:references': [
      'infra/docs/src/write-references.ts',
      'the event catalogue and the OpenAPI documents',
    ],
    'docs:mcp': ['infra/docs/src/write-mcp-examples.ts', 'the transcripts in the guide of MCP'],
    'docs:dependencies': ['infra/security/src/dependencies/write.ts', 'the list of dependencies'],
    'db:init-sql': ['infra/postgres/src/write-init-sql.ts', 'init.sql, from the migrations'],
    'nats:accounts': ['infra/nats/src/write-accounts.ts', "the permissions of NATS' users"],
    screenshots: ['services/dashboard/src/test/screenshots.ts', 'pictures of the dashboard'],
  },
  'An installation': {
    'nats:topology': ['infra/nats/src/topology-main.ts', 'makes or updates the streams and buckets'],
    'db:users': ['infra/postgres/src/users.ts', "makes the services' database users"],
    'k8s:secrets': ['infra/k8s/src/secrets.ts', 'prints new secrets for Kubernetes'],
    backup: ['infra/operate/src/backup.ts', 'writes the log and the accounts to a folder'],
    restore: ['infra/operate/src/restore.ts', 'reads them back'],
    'projection:accept': ['services/projection/src/accept-main.ts', 'accepts a stream that was made anew'],
    'projection:compare': ['services/projection/src/compare-main.ts', 'compares the tables with the log'],
    'projection:rebuild': ['services/projection/src/rebuild-main.ts', 'makes the tables anew from the log'],
  },
  Checks: {
    attacks: ['infra/security/main.ts', 'attacks on the HTTP interfaces of a started system'],
    'attacks:availability': ['infra/security/availability.ts', 'attacks on its memory and time'],
    clients: ['--test infra/clients/clients.nats.pg.test.ts', 'real clients against the gateway'],
    'mcp:conformance': ['services/mcp/test/conformance.ts', "the protocol's own suite"],
    'guard:detection': ['infra/bench/detection/main.ts', 'what the guard finds, and in ordinary traffic'],
  },
  Benches: {
    'bench:dashboard': ['services/dashboard/src/test/bench.ts', 'pages that one dashboard feeds'],
    'bench:guard': [
      '--expose-gc --max-old-space-size=4000 shared/guard-core/test/core-throughput.ts',
      "events a second in the guard's core",
    ],
    'bench:guard-log': ['services/guard/test/log-throughput.ts', 'events a second from the log'],
    'bench:loop': ['infra/bench/loop.ts', 'from the crossing event to the throttle at every node'],
    'bench:mcp': ['infra/bench/mcp/main.ts', 'calls of tools'],
    'bench:over-admission': ['infra/bench/over-admission.ts', 'what three nodes let through too much'],
    'bench:projection': ['services/projection/test/throughput.ts', 'events a second into the tables'],
    'bench:proxy': ['infra/bench/proxy/main.ts', 'the gateway beside bare proxies'],
    'bench:revocation': ['infra/bench/revocation.ts', 'from a revoked key to its refusal at every node'],
    'bench:scale': ['infra/bench/scale/main.ts', 'nodes and servers beside each other'],
    'bench:spool': ['infra/bench/spool/main.ts', 'what an outage of NATS costs'],
    'bench:whatif': ['infra/bench/whatif.ts', 'what-if over a million events'],
  },
}

export const COMMANDS = Object.assign({}, ...Object.values(GROUPS))

/** `npm run fluxgate -- <command> [arguments]`; without a command, or with `--help` alone, it lists them. */
export async function runCommand([name, ...args]) {
  if (name === undefined || name === '--help') {
    console.log(list())
    return 0
  }
  if (!Object.hasOwn(COMMANDS, name)) throw new UserError(`There is no command ${name}.\n\n${list()}`)
  const [first = '', ...rest] = COMMANDS[name][0].split(' ')
  return foreground(await pinnedNode(), [...NODE_FLAGS, first, ...rest, ...args], { cwd: ROOT })
}

function list() {
  const width = Math.max(...Object.keys(COMMANDS).map(name => name.length))
  const groups = Object.entries(GROUPS).map(([group, commands]) => {
    const lines = Object.entries(commands).map(([name, [, help]]) => `  ${name.padEnd(width)}  ${help}`)
    return [`${group}:`, ...lines].join('\n')
  })
  return `npm run fluxgate -- <command> [arguments]\n\n${groups.join('\n\n')}`
}
