-- The ledger. Live tasks stand in tasks_live, finished ones in partitions by day; people and scripts read the view `tasks`.

create table tenants (
  id uuid primary key,
  name text not null unique,
  created_at timestamptz not null default now()
);

create table api_keys (
  id uuid primary key,
  tenant_id uuid not null references tenants (id) on delete cascade,
  name text not null,
  -- sha256 of the key: the key itself is shown once and never stored
  key_hash bytea not null unique,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

create table tasks_live (
  id uuid primary key,
  tenant_id uuid not null,
  user_id text,
  name text not null,
  queue text not null,
  status text not null default 'PENDING' check (status in ('PENDING', 'QUEUED', 'RUNNING', 'RETRYING')),
  priority smallint not null default 5 check (priority between 1 and 9),
  payload jsonb not null,
  trace text,
  attempts integer not null default 0,
  deaths integer not null default 0,
  -- fencing number: +1 at every claim, takeover, cancel, timeout and hand-back
  epoch bigint not null default 0,
  -- random token of the claim; with the epoch it is the fence
  owner uuid,
  -- the process that holds the claim, for people
  worker text,
  lease_until timestamptz,
  unique_key text,
  accepted_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  expires_at timestamptz,
  -- until then somebody else is handing the row to Redis: the fast path right after commit, or a relay
  handover_until timestamptz,
  queued_at timestamptz,
  started_at timestamptz,
  progress jsonb,
  -- the newest error; error_history holds all of them, oldest first
  error jsonb,
  error_history jsonb not null default '[]',
  -- of a job that another BullMQ client added under an id that is no UUID
  redis_job_id text
);
create unique index tasks_live_unique_key on tasks_live (tenant_id, unique_key) where unique_key is not null;
create index tasks_live_due on tasks_live (due_at) where status in ('PENDING', 'RETRYING');
create index tasks_live_queued on tasks_live (queued_at) where status = 'QUEUED';
create index tasks_live_lease on tasks_live (lease_until) where status = 'RUNNING';
create index tasks_live_expires on tasks_live (expires_at) where expires_at is not null and status <> 'RUNNING';
create index tasks_live_tenant on tasks_live (tenant_id, accepted_at desc, id desc);
create index tasks_live_queue on tasks_live (queue, status, accepted_at);

create table tasks_finished (
  id uuid not null,
  tenant_id uuid not null,
  user_id text,
  name text not null,
  queue text not null,
  status text not null check (status in ('COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'EXPIRED')),
  priority smallint not null,
  payload jsonb not null,
  trace text,
  attempts integer not null,
  deaths integer not null,
  epoch bigint not null,
  worker text,
  unique_key text,
  accepted_at timestamptz not null,
  due_at timestamptz not null,
  expires_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz not null default now(),
  progress jsonb,
  result jsonb,
  error jsonb,
  error_history jsonb not null default '[]',
  redis_job_id text,
  -- spent or hopeless, kept until someone retries or drops it
  dead_letter boolean not null default false,
  primary key (id, finished_at)
) partition by range (finished_at);
create index tasks_finished_tenant on tasks_finished (tenant_id, accepted_at desc, id desc);
create index tasks_finished_dead on tasks_finished (tenant_id, finished_at desc) where dead_letter;
-- takes rows when a day's partition was not made in time, so that a terminal write never fails
create table tasks_finished_default partition of tasks_finished default;

create view tasks as
  select id, tenant_id, user_id, name, queue, status, priority, payload, attempts, deaths, epoch, worker, unique_key, due_at,
         expires_at, accepted_at, started_at, null::timestamptz as finished_at, progress, null::jsonb as result, error,
         error_history, redis_job_id, false as dead_letter
    from tasks_live
  union all
  select id, tenant_id, user_id, name, queue, status, priority, payload, attempts, deaths, epoch, worker, unique_key, due_at,
         expires_at, accepted_at, started_at, finished_at, progress, result, error,
         error_history, redis_job_id, dead_letter
    from tasks_finished;

create table effects (
  task_id uuid not null,
  step text not null,
  result jsonb,
  created_at timestamptz not null default now(),
  primary key (task_id, step)
);

create table queue_states (
  queue text primary key,
  paused boolean not null default false,
  changed_at timestamptz not null default now()
);

-- written by the sample task sample_effect; no unique key, so that a doubled effect would show
create table sample_effects (
  task_id uuid not null,
  run text not null,
  n integer not null,
  attempt integer not null,
  created_at timestamptz not null default clock_timestamp()
);
create index sample_effects_run on sample_effects (run);

-- live processes, by their heartbeats
create table workers (
  id uuid primary key,
  name text not null,
  mode text not null,
  queues text[] not null,
  slots integer not null,
  running jsonb not null default '[]',
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);
