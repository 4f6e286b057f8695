import { type AttemptKind, attempts, mayDo, NEVER } from './attempts.ts'
import { USERS } from './users.ts'

/** The matrix in Markdown, made of what `permissions.nats.test.ts` tries. */
export function permissionTables(): string {
  return `# Who may say and hear what in NATS

Made by \`npm run nats:accounts\` from what \`infra/nats/src/permissions.nats.test.ts\` tries against a real server: each user
tries each subject of these tables; where there is a +, the server lets it through, and everywhere else it refuses. \`x\`, \`a.b\`
stand for words of any name. \`operator\`, a person on call, may everything and is in no service.

${USERS.map(({ name, purpose }) => `- **${name}**: ${purpose}`).join('\n')}

## Publish

${tableOf('publish')}

## Subscribe

${tableOf('subscription')}

## What must never be

Refused to the services that it would serve, each tried as well:

${NEVER.map(([user, subject]) => `- ${user} says \`${subject}\``).join('\n')}

Refused to every service: to delete, empty, snapshot or restore a stream, to remove a message, and to hear another's answers, \`>\`,
\`$SYS.>\` or \`$JS.ACK.>\`.
`
}

function tableOf(kind: AttemptKind): string {
  const users = USERS.filter(({ name }) => name !== 'operator')
  const rows = attempts(kind)
    .sort()
    .map(
      subject =>
        `| \`${subject}\` | ${users.map(user => (mayDo(user, kind, subject) ? '+' : ' ')).join(' | ')} |`,
    )
  return [
    `| subject | ${users.map(({ name }) => name).join(' | ')} |`,
    `| --- |${' --- |'.repeat(users.length)}`,
    ...rows,
  ].join('\n')
}
