/** docs/reference/redis-acl.md, from worker/redis/acl.ts. */
import { type AclUser, aclLine, aclUserNames, aclUsers } from '../../worker/redis/index.ts';
import { code, table } from './markdown.ts';

const intro = `What each process needs of Redis (7.0 and later), and nothing else. \`test/integration/redis/acl.test.ts\` does the work under these
users on each topology, without a refusal, and tries what they must not do: the users of queues reach no key but those of queues,
nobody reaches the server's settings, its users, or other people's keys.

The names are free; \`REDIS_USERNAME\` and \`REDIS_PASSWORD\` say which one a process logs in as, \`REDIS_SENTINEL_USERNAME\` and
\`REDIS_SENTINEL_PASSWORD\` the one at sentinels. A process has one user for all of its connections.`;

const lines = `The lines below go into redis.conf, sentinel.conf or an ACL file. The users are off: put \`on >password\` in the place of \`off\`, or
run \`ACL SETUSER name on >password\`, and save it. Every server needs them, replicas and nodes of a cluster too, for no server hands its
users on. \`user default off\` on data servers then closes the door that was open before; its rights must stay, since a server
reads its append-only file as this user and would leave out what it may not do.`;

const notes = `- From Redis 7.2 on, \`+client|setinfo\` may be added to each: clients name their library with it. Without, it is refused, which
  harms nothing and stands in \`ACL LOG\`.
- \`millrace doctor\` sees more with the commands that its [guide](../guides/doctor.md#what-an-acl-must-allow) names. \`CONFIG GET\` shows passwords
  of the server.
- Who may serve one queue only gets its keys alone: \`~{millrace:mail}:*\` in the place of \`~{millrace:*}:*\`. A process of Millrace serves all
  queues.
- Within the keys of queues an ACL cannot tell one script from another: who may add jobs could also spoil waiting ones. What is durable
  stands in Postgres all the same.
- The first start of a release may ask for a command that the one before did not: give users what this page says before the rollout.`;

const where: Record<AclUser['on'], string> = { data: 'data servers', sentinel: 'sentinels' };

export function redisAclPage(): string {
  const rows = aclUserNames.map((name) => {
    const user: AclUser = aclUsers[name];
    const patterns = (list: readonly string[]) => list.map(code).join(', ') || 'none';
    return [code(name), where[user.on], user.purpose, patterns(user.keys), patterns(user.channels)];
  });
  const text = (on: AclUser['on']) =>
    ['```text', ...aclUserNames.filter((name) => aclUsers[name].on === on).map((name) => aclLine(name)), '```'].join(
      '\n',
    );
  return [
    '# Users of Redis',
    intro,
    table(['user', 'on', 'for', 'keys', 'channels'], rows),
    '## Lines',
    lines,
    `On data servers:\n\n${text('data')}`,
    `On sentinels:\n\n${text('sentinel')}`,
    '## What to know',
    notes,
  ].join('\n\n');
}
