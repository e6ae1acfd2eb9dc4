-- Schedules (docs/decisions/0018-beat.md). A slot is claimed in the transaction that inserts its task: the schedule's row moves on to
-- the next one, and (schedule, slot) is unique.
create table schedules (
  id uuid primary key,
  tenant_id uuid not null,
  name text not null,
  -- who says what it is: the table of the platform's own, somebody's code, or a call of the API
  source text not null check (source in ('platform', 'code', 'api')),
  task text not null,
  -- null: the task's own
  queue text,
  payload jsonb not null default '{}',
  priority smallint check (priority between 1 and 9),
  cron text,
  -- in which the expression is read
  timezone text not null default 'UTC',
  -- slots are its multiples since 1970
  every_seconds integer check (every_seconds > 0),
  jitter_seconds integer not null default 0 check (jitter_seconds >= 0),
  missed text not null default 'latest' check (missed in ('skip', 'latest', 'all')),
  -- a slot's task that nobody took ends as EXPIRED when the next slot is due
  expires boolean not null default true,
  -- false: a flag of the environment holds it back
  enabled boolean not null default true,
  paused boolean not null default false,
  -- false: its task is not part of this release
  built boolean not null default true,
  -- +1 at each change and each claim: what was planned on an older one is not done
  revision bigint not null default 0,
  -- null while it is not to fire
  next_slot timestamptz,
  -- the slot and its jitter
  next_at timestamptz,
  last_slot timestamptz,
  last_fired_at timestamptz,
  last_fired_by text,
  last_lateness float8,
  last_task_id uuid,
  slots_fired bigint not null default 0,
  slots_missed bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, name),
  check ((cron is null) <> (every_seconds is null))
);
create index schedules_due on schedules (next_at) where next_at is not null;
-- claimed by the thousand a second: only what is due stays in the index, and dead rows leave early
alter table schedules set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- What was fired. It outlives its schedule, and the schedule keeps its last slot: neither is fired again when the other is removed.
create table schedule_slots (
  schedule_id uuid not null,
  slot timestamptz not null,
  task_id uuid not null,
  -- run by a person, between the slots
  by_hand boolean not null default false,
  fired_at timestamptz not null default clock_timestamp(),
  fired_by text not null,
  -- of the leader; null when it was run by hand
  term bigint,
  primary key (schedule_id, slot)
);
create index schedule_slots_fired on schedule_slots (fired_at);

-- One row. The term is its key so that a takeover, which changes it, waits for claims that hold it (for key share), and a renewal,
-- which does not, passes them.
create table beat_leader (
  term bigint primary key,
  singleton boolean not null default true unique check (singleton),
  holder uuid,
  name text,
  since timestamptz,
  lease_until timestamptz not null
);
insert into beat_leader (term, lease_until) values (0, 'epoch');

-- Queues over the threshold of the queue monitor: an alert is given when a row comes and when it goes.
create table queue_alerts (
  queue text primary key,
  since timestamptz not null default now(),
  waiting bigint not null,
  oldest_seconds float8 not null,
  consumers integer not null,
  seen_at timestamptz not null default now()
);
