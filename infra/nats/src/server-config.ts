import { type NatsUser, USERS } from './users.ts'

export const ACCOUNT = 'FLUXGATE'
/** Of the server's own figures; holds no data. */
export const SYSTEM_USER = 'system'

/** Name of the environment variable that holds a user's password. */
export function passwordVariable(user: string): string {
  return `NATS_PASSWORD_${user.replaceAll('-', '_').toUpperCase()}`
}

/** All whose passwords the server must be told. */
export const PASSWORD_VARIABLES: readonly string[] = [...USERS.map(user => user.name), SYSTEM_USER].map(
  passwordVariable,
)

/**
 * The `accounts` part of nats-server's configuration, to be included in a server's own. Passwords come from the server's
 * environment; they must begin with a letter, because the server reads a value that looks like a number as one.
 */
export function accountsConfig(): string {
  return `# Made by \`npm run nats:accounts\` from infra/nats/src/users.ts.
accounts {
  ${ACCOUNT} {
    jetstream: enabled
    users: [
${USERS.map(userText).join('\n')}
    ]
  }
  SYS {
    users: [{ user: ${SYSTEM_USER}, password: $${passwordVariable(SYSTEM_USER)} }]
  }
}
system_account: SYS
`
}

function userText({ name, purpose, publish, subscribe }: NatsUser): string {
  return `      # ${purpose}
      {
        user: ${name}
        password: $${passwordVariable(name)}
        permissions: {
          publish: { allow: ${listText(publish)} }
          subscribe: { allow: ${listText(subscribe)} }
        }
      }`
}

function listText(subjects: readonly string[]): string {
  return `[\n${subjects.map(subject => `            ${JSON.stringify(subject)}`).join('\n')}\n          ]`
}
